import { expect } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { until } from "../harness/stage1-trial.ts";
import type { Behaviour } from "./behaviour.ts";
import { HOST_ADDRESS, MAIN_PORT, type RegimeLab } from "./lab.ts";

/** What the shared pod shows: nearly all of it by looking from inside. */
export const BEHAVIOURS_INSIDE: readonly Behaviour[] = [
  {
    name: "environment and working directory are what was asked for",
    check: async ({ inMain }) => {
      const ran = await inMain('env | grep -v "^\\(PWD\\|SHLVL\\|OLDPWD\\)=" | sort; pwd');
      expect(ran.stdout.trim().split("\n")).toEqual([
        "A=b c%d$e",
        "AC_APP_NAME=app",
        "HOME=/home/web",
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "container=gantry",
        "/work",
      ]);
    },
  },
  {
    name: "user and groups are the image's own",
    check: async ({ inMain }) => {
      expect((await inMain("id -u; id -g; id -G")).stdout).toBe("1000\n1001\n1001 2000\n");
    },
  },
  {
    name: "the host name is the pod's",
    check: async ({ inMain }) => {
      expect((await inMain("hostname; grep -c box /etc/hosts")).stdout).toMatch(/^box\n[1-9]\n$/);
    },
  },
  {
    name: "volumes show the host's files, both ways, and read-only where asked",
    check: async ({ inMain, shared }) => {
      const ran = await inMain(
        "cat /ro/file /www/index.html; echo inside > /www/new; echo x > /ro/file; touch /ro/new",
      );
      expect(ran.stdout).toBe("from the host\npage\n");
      expect(ran.stderr.match(/Read-only file system/g)).toHaveLength(2);
      expect(readFileSync(join(shared.www, "new"), "utf8")).toBe("inside\n");
      expect([readFileSync(join(shared.readOnly, "file"), "utf8"), existsSync(join(shared.readOnly, "new"))]).toEqual([
        "from the host\n",
        false,
      ]);
      writeFileSync(join(shared.www, "later"), "later\n");
      expect((await inMain("cat /www/later")).stdout).toBe("later\n");
    },
  },
  {
    name: "a read-only root refuses writes, scratch space in it takes them",
    check: async ({ inMain }) => {
      const ran = await inMain("echo x > /work/x; echo kept > /scratch/x; cat /scratch/x", ["--user=0"]);
      expect([ran.stdout, ran.stderr.match(/Read-only file system/g)?.length]).toEqual(["kept\n", 1]);
      expect((await inMain("cat /scratch/x")).stdout).toBe("kept\n");
    },
  },
  {
    name: "a limit of processor time holds",
    check: async (lab) => {
      // Half a processor was given. However loaded the host is, three quarters cannot come of it. The host counts
      // an emulator's own work as well, a kernel in user space the time its tasks wait: the smaller number is the app's.
      const [before, startedAt] = [await hostSeconds(lab), performance.now()];
      const burn = "$t=time; 1 while time-$t<3; @t=times; print $t[0]+$t[1]";
      const inside = Number((await lab.inMain(`perl -e '${burn}'`)).stdout);
      const used = Math.min(inside, (await hostSeconds(lab)) - before);
      expect(used).toBeGreaterThan(0);
      expect(used / ((performance.now() - startedAt) / 1000)).toBeLessThan(0.75);
    },
  },
  {
    name: "a limit of processes holds",
    check: async ({ inMain }) => {
      const forks = await inMain(
        "perl -e 'for (1..60) { $p = fork; if (!defined $p) { print $!; last } if (!$p) { sleep 60; exit } push @p, $p } kill 9, @p; 1 while wait > 0'",
      );
      expect(forks.stdout).toBe("Resource temporarily unavailable");
    },
  },
  {
    name: "a published port of the host leads to the app",
    check: async ({ main }) => {
      await main();
      let got = "";
      await until(async () => {
        got = await fetch(`http://127.0.0.1:${MAIN_PORT}/`).then(
          (answer) => answer.text(),
          (reason: unknown) => String(reason),
        );
        return got === "page\n";
      });
      expect(got).toBe("page\n");
    },
  },
  {
    name: "names are looked up where --dns says",
    check: async ({ main, inMain }) => {
      await main(); // the bridge whose address the server takes comes with the first pod
      const asked: string[] = [];
      const server = await Bun.udpSocket({
        hostname: HOST_ADDRESS,
        port: 53,
        socket: {
          data: (socket, query, port, address) => {
            asked.push(nameIn(query));
            socket.send(answerTo(query), port, address);
          },
        },
      });
      try {
        const ran = await inMain("cat /etc/resolv.conf; busybox nslookup -type=a matrix.example.com.");
        expect(ran.stdout).toContain(`nameserver ${HOST_ADDRESS}\n`);
        expect(ran.stdout).toContain("192.0.2.77");
      } finally {
        server.close();
      }
      expect(asked).toContain("matrix.example.com");
    },
  },
  {
    name: "logs keep standard output and error apart",
    check: async ({ main, world }) => {
      const pod = await main();
      await until(async () => (await world.succeed(["logs", pod])).stderr === "err\n");
      const logs = await world.succeed(["logs", pod]);
      expect([logs.stdout, logs.stderr]).toEqual(["out\n", "err\n"]);
      expect((await world.succeed(["logs", "--stream=stderr", "--tail=1", pod])).stderr).toBe("err\n");
    },
  },
  {
    name: "exec passes streams and its exit code on",
    check: async ({ inMain, main, world }) => {
      const ran = await inMain("cat; echo e >&2; exit 5", ["-i"], "over\n");
      expect([ran.stdout, ran.stderr, ran.exitCode]).toEqual(["over\n", "e\n", 5]);
      expect((await inMain("kill -9 $$")).exitCode).toBe(137);
      expect((await world.gantry(["exec", await main(), "nosuch"])).exitCode).toBe(254);
    },
  },
  {
    name: "exec takes another user, directory and environment",
    check: async ({ inMain }) => {
      const ran = await inMain("id -u; id -g; pwd; echo $A $B", ["--user=0:2000", "-w", "/www", "-e", "B=2"]);
      expect(ran.stdout).toBe("0\n2000\n/www\nb c%d$e 2\n");
    },
  },
  {
    name: "a detached pod is listed, with status and use of resources",
    check: async ({ main, regime, status, world }) => {
      const pod = await main();
      const listed = JSON.parse((await world.succeed(["list", "--json"])).stdout) as readonly Record<string, string>[];
      const row = listed.find((one) => one["name"] === pod);
      expect([row?.["state"], row?.["stage1"]]).toEqual(["running", regime]);
      const facts = await status(pod);
      expect([facts.state, facts.apps.map((app) => `${app.name} ${app.state}`)]).toEqual(["running", ["app running"]]);
      const [stats] = JSON.parse((await world.succeed(["stats", "--json", pod])).stdout);
      expect(stats.pod.memoryBytes).toBeGreaterThan(0);
      expect(stats.pod.pids).toBeGreaterThan(0);
      expect(stats.apps.app.limits.cpuMillis).toBe(500);
    },
  },
  {
    name: "pause halts the app, resume lets it go on",
    check: async ({ main, status, world }) => {
      const pod = await main();
      const answers = () =>
        fetch(`http://127.0.0.1:${MAIN_PORT}/`, { signal: AbortSignal.timeout(1000) }).then(
          () => true,
          () => false,
        );
      await until(answers);
      await world.succeed(["pause", pod]);
      expect((await status(pod)).paused).toBe(true);
      await sleep(100); // what was on its way
      expect(await answers()).toBe(false);
      await world.succeed(["resume", pod]);
      await until(answers);
      expect((await status(pod)).paused).not.toBe(true);
    },
  },
];

/** Processor time of the shared pod, as the host counts it. */
async function hostSeconds({ main, world }: RegimeLab): Promise<number> {
  const [stats] = JSON.parse((await world.succeed(["stats", "--json", await main()])).stdout);
  return stats.pod.cpuNanos / 1e9;
}

/** The name a DNS query asks for. Spec: RFC 1035, section 4.1.2 */
function nameIn(query: Uint8Array): string {
  const labels: string[] = [];
  for (let at = 12; (query[at] ?? 0) > 0; at += (query[at] ?? 0) + 1) {
    labels.push(new TextDecoder().decode(query.subarray(at + 1, at + 1 + (query[at] ?? 0))));
  }
  return labels.join(".");
}

/** The query itself, turned into an answer with one address, 192.0.2.77. Spec: RFC 1035, section 4.1 */
function answerTo(query: Uint8Array): Uint8Array {
  const end = 12 + nameIn(query).length + 2 + 4;
  const answer = [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 77];
  const reply = new Uint8Array([...query.subarray(0, end), ...answer]);
  reply.set([0x84, 0x00, 0, 1, 0, 1, 0, 0, 0, 0], 2);
  return reply;
}
