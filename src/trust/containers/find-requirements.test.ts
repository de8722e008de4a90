import { expect, test } from "bun:test";
import { findRequirements, scopesOf } from "./find-requirements.ts";
import type { ContainersRequirement, ImageIdentity } from "./policy.ts";

const docker = (reference: string): ImageIdentity => ({ transport: "docker", scope: reference, docker: reference });
const reject: readonly ContainersRequirement[] = [{ type: "reject" }];

test("scopesOf() lists names, parents and wildcards from the most specific on", () => {
  expect(scopesOf(docker("a.b.example.com:5000/x/y:1"))).toEqual([
    "a.b.example.com:5000/x/y:1",
    "a.b.example.com:5000/x/y",
    "a.b.example.com:5000/x",
    "a.b.example.com:5000",
    "*.b.example.com",
    "*.example.com",
    "*.com",
  ]);
  expect(scopesOf({ transport: "oci", scope: "/a/b/c" })).toEqual(["/a/b/c", "/a/b", "/a"]);
  expect(scopesOf({ transport: "docker-archive", scope: "" })).toEqual([]);
});

test.each<[string, ImageIdentity, string]>([
  ["the image itself", docker("example.com/app:1"), "docker:example.com/app:1"],
  ["the repository", docker("example.com/app:2"), "docker:example.com/app"],
  ["not a sibling", docker("example.com/app-x:2"), "docker:example.com"],
  ["a wildcard", docker("sub.example.com/app:1"), "docker:*.example.com"],
  ["not the wildcard's own name", docker("example.net/app:1"), "docker"],
  ["a port is another host", docker("example.com:5000/app:1"), "docker"],
  ["a digest", docker(`example.com/app@sha256:${"a".repeat(64)}`), "docker:example.com/app"],
  ["a directory above", { transport: "oci", scope: "/srv/images/a" }, "oci:/srv/images"],
  ["not a directory of similar name", { transport: "oci", scope: "/srv/images-x" }, "default"],
  ["no such transport", { transport: "url", scope: "" }, "default"],
])("findRequirements() takes %s", (_title, image, place) => {
  const policy = {
    fallback: reject,
    transports: new Map([
      [
        "docker",
        new Map(
          ["example.com/app:1", "example.com/app", "example.com", "*.example.com", ""].map((scope) => [scope, reject]),
        ),
      ],
      ["oci", new Map([["/srv/images", reject]])],
    ]),
  };
  expect(findRequirements(policy, image).place).toBe(place);
});
