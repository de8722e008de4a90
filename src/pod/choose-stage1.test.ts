import { expect, test } from "bun:test";
import { chooseStage1, type Stage1Choice } from "./choose-stage1.ts";
import type { Stage1Rule } from "./stage1-policy.ts";

function choose(more: Partial<Stage1Choice>, rules: readonly Omit<Stage1Rule, "from">[] = []): string {
  const decision = chooseStage1({
    images: [{ name: "example.com/app" }],
    policy: { rules: rules.map((rule) => ({ ...rule, from: "stage1.json" })) },
    ...more,
  });
  return `${decision.kind} ${decision.regime}`;
}

const UNTRUSTED = { prefix: "example.com/app", only: ["kvm", "gvisor"] };

test("chooseStage1() takes what is asked, else what the images agree on, else the host's default", () => {
  expect(choose({})).toBe("use systemd");
  expect(choose({ policy: { default: "oci", rules: [] } })).toBe("use oci");
  expect(choose({ images: [{ name: "a", wish: "oci" }] })).toBe("use oci");
  expect(choose({ images: [{ name: "a", wish: "oci" }, { name: "b" }] })).toBe("use systemd");
  expect(choose({ asked: "fly", images: [{ name: "a", wish: "oci" }] })).toBe("use fly");
});

test("chooseStage1() lets no image choose to be unconfined", () => {
  expect(choose({ images: [{ name: "example.com/app", wish: "fly" }] })).toBe("use systemd");
  expect(
    choose({ images: [{ name: "example.com/app", wish: "fly" }] }, [{ prefix: "example.com", only: ["fly"] }]),
  ).toBe("use fly");
});

test("chooseStage1() lets no image choose a stage1 image, which would run as the host's root", () => {
  for (const wish of ["example.com/stage1/evil:1", "oci-archive:/tmp/x", "localhost/evil", "a.b", ""])
    expect(choose({ images: [{ name: "example.com/app", wish }] })).toBe("use systemd");
});

test("chooseStage1() holds every rule against whoever asks", () => {
  expect(choose({}, [UNTRUSTED])).toBe("use kvm");
  expect(choose({ asked: "gvisor" }, [UNTRUSTED])).toBe("use gvisor");
  expect(choose({ asked: "systemd" }, [UNTRUSTED])).toBe("refused systemd");
  expect(choose({ asked: "fly" }, [{ prefix: "", never: ["fly"] }])).toBe("refused fly");
  expect(choose({}, [UNTRUSTED, { prefix: "", never: ["kvm"] }])).toBe("use gvisor");
  expect(choose({}, [{ prefix: "", never: ["systemd"] }])).toBe("refused systemd");
});

test("chooseStage1() applies rules to whole name components, and to every app of the pod", () => {
  expect(choose({ images: [{ name: "example.com/app-other" }] }, [UNTRUSTED])).toBe("use systemd");
  expect(choose({ images: [{ name: "trusted" }, { name: "example.com/app/x" }] }, [UNTRUSTED])).toBe("use kvm");
});
