import { expect, test } from "vitest";
import { fakePort } from "../../ipc/fake";
import { fromGib, inGib, Storage } from "./storage.svelte";

test("room is counted by what made it, and limits say what they would drop before they do", async () => {
	const fake = fakePort();
	const [profile] = [...fake.world.profiles.values()];
	if (!profile) throw new Error("the fake world has no profile");
	const { view } = fake.world.addCapture(profile, "orders.refunds.dlq", 30);
	const storage = new Storage(fake);
	await storage.again();
	expect(storage.parts.reduce((sum, part) => sum + part.bytes, 0)).toBe(storage.bytes);
	expect(storage.parts.find((part) => part.tone === "looks")?.bytes).toBe(view.bytes);
	expect(storage.largest[0]?.bytes).toBe(Math.max(...(storage.captures ?? []).map((one) => one.bytes)));
	const limits = { days: 30, bytes: 0 };
	expect(await storage.wouldDrop(limits)).toMatchObject({ captures: 1, messages: 30 });
	expect(storage.captures).toHaveLength(3);
	expect(await storage.setLimits(limits)).toMatchObject({ captures: 1 });
	expect(storage.captures).toHaveLength(2);
	expect(storage.room.value?.limits).toEqual(limits);
});

test("room is written in GiB", () => {
	expect([inGib(2 * 1024 ** 3), inGib(512 * 1024 ** 2)]).toEqual(["2", "0.5"]);
	expect([fromGib("2"), fromGib("0,5"), fromGib(" 0 ")]).toEqual([2 * 1024 ** 3, 512 * 1024 ** 2, 0]);
	expect([fromGib(""), fromGib("-1"), fromGib("two"), fromGib("1e400")]).toEqual([null, null, null, null]);
});

test("room is counted by connection", async () => {
	const fake = fakePort();
	const [profile, other] = [...fake.world.profiles.values()];
	const storage = new Storage(fake);
	await storage.again();
	expect(storage.bytesOf(profile?.id ?? "")).toBe(storage.bytes);
	expect(storage.bytesOf(other?.id ?? "")).toBe(0);
});
