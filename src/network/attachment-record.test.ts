import { expect, test } from "bun:test";
import "../testing/to-throw-code.ts";
import { openNetworkLab } from "../testing/network-lab.ts";
import { type AttachmentRecord, listRecords, readRecord, recordedConfig, writeRecord } from "./attachment-record.ts";

const RECORD: AttachmentRecord = {
  formatVersion: 1,
  state: "attaching",
  network: "n",
  ifName: "eth0",
  containerId: "c",
  netnsPath: "/run/netns/c",
  cniArgs: "IgnoreUnknown=1",
  capabilityArgs: { mac: "02:00:00:00:00:01" },
  config: '{ "name" : "n", "type":"ptp", "x":1.0 }',
  configSource: "/etc/gantry/net.d/n.conf",
};

test("readRecord() gives back what writeRecord() wrote, the configuration byte for byte", async () => {
  await using lab = await openNetworkLab();
  writeRecord(lab.scratch, RECORD);
  expect(readRecord(lab.scratch, "eth0")).toEqual(RECORD);
  expect(recordedConfig(RECORD).text).toBe(RECORD.config);
  expect(readRecord(lab.scratch, "eth1")).toBeUndefined();
});

test("readRecord() rejects damaged records and names that are no interface", async () => {
  await using lab = await openNetworkLab();
  for (const text of ["", "[]", '{"formatVersion":2}', JSON.stringify({ ...RECORD, config: 7 })]) {
    lab.scratch.writeAtomic("net/eth0.json", text);
    expect(() => readRecord(lab.scratch, "eth0")).toThrowCode("network/bad-record");
  }
  expect(() => readRecord(lab.scratch, "../eth0")).toThrowCode("network/bad-args");
});

test("listRecords() sorts interfaces by number", async () => {
  await using lab = await openNetworkLab();
  for (const ifName of ["eth10", "eth2", "eth0"]) writeRecord(lab.scratch, { ...RECORD, ifName });
  expect(listRecords(lab.scratch)).toEqual(["eth0", "eth2", "eth10"]);
});
