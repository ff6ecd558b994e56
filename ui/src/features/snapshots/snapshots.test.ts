import { expect, test } from "vitest";
import { fakePort } from "../../ipc/fake";
import { CaptureList } from "./snapshots.svelte";

test("snapshots that were named stand apart from captures, and a filter looks at both", async () => {
	const fake = fakePort();
	const [profile] = [...fake.world.profiles.values()];
	if (!profile) throw new Error("the fake world has no profile");
	fake.world.addCapture(profile, "orders.tax.v2", 3);
	const list = new CaptureList(fake, profile.id);
	expect(list.known).toBe(false);
	await list.again();
	expect(list.named.map((capture) => capture.name)).toEqual(["refunds, November", "before the gateway fix"]);
	expect(list.unnamed.map((capture) => capture.queue)).toEqual(["orders.tax.v2"]);
	expect(list.bytes).toBe(list.all.reduce((sum, capture) => sum + capture.bytes, 0));
	list.filterBy("4711");
	expect(list.named.map((capture) => capture.name)).toEqual(["before the gateway fix"]);
	expect(list.unnamed).toEqual([]);
});

test("what was listed stays when listing again fails", async () => {
	const fake = fakePort();
	const [profile] = await fake.listProfiles();
	const list = new CaptureList(fake, profile?.id ?? "");
	await list.again();
	fake.refuse("listCaptures", {
		code: "store",
		message: "could not read",
		remedy: null,
		detail: "",
		retryable: true,
	});
	await list.again();
	expect(list.all).toHaveLength(2);
	expect(list.fault?.code).toBe("store");
});
