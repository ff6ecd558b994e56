import { expect, test, vi } from "vitest";
import { IpcError } from "../../ipc/error";
import { fakePort } from "../../ipc/fake";
import type { Port } from "../../ipc/port";
import { Import, nameOfFile } from "./import.svelte";
import { CaptureSearch } from "./search.svelte";
import { CaptureList } from "./snapshots.svelte";
import { keptWhy, keptWords, removeWords, textFilter } from "./words";

async function world() {
	const fake = fakePort();
	const [profile] = [...fake.world.profiles.values()];
	if (!profile) throw new Error("the fake world has no profile");
	return { fake, profile };
}

test("what is found is shown while the search goes on, and stays when it is stopped", async () => {
	const { fake, profile } = await world();
	const search = new CaptureSearch(fake, profile.id);
	expect(search.running).toBe(false);
	await search.run("PLAIN words");
	expect(search.end).toMatchObject({ found: 2, searched: 240, of: 240 });
	expect(search.hits.map((hit) => [hit.row.n, hit.found])).toEqual([
		[4, "plain words"],
		[4, "plain words"],
	]);

	const slow: Port["searchCaptures"] = async (_, follow = {}) => {
		follow.onprogress?.({ hits: search.hits, searched: 10, of: 240 });
		await new Promise((done) => follow.signal?.addEventListener("abort", done));
		throw new IpcError({ code: "cancelled", message: "stopped", remedy: null, detail: "", retryable: false });
	};
	const stopped = new CaptureSearch({ ...fake, searchCaptures: slow }, profile.id);
	const ended = stopped.run("plain");
	expect(stopped.running).toBe(true);
	stopped.stop();
	await ended;
	expect([stopped.running, stopped.stopped, stopped.fault, stopped.hits.length]).toEqual([
		false,
		true,
		null,
		2,
	]);
	expect(stopped.step).toEqual({ searched: 10, of: 240 });
});

test("of two searches only the newer one is heard", async () => {
	const { fake, profile } = await world();
	const search = new CaptureSearch(fake, profile.id);
	const older = search.run("plain");
	await Promise.all([older, search.run("<?xml")]);
	expect(search.text).toBe("<?xml");
	expect(search.hits.every((hit) => hit.found === "<?xml")).toBe(true);
	search.forget();
	expect([search.text, search.hits.length, search.running]).toEqual(["", 0, false]);
});

test("a file proposes a name; one that is no export leaves nothing and says why", async () => {
	expect(nameOfFile("/Documents/ada/orders.dlq-2026.jsonl")).toBe("orders.dlq-2026");
	expect(nameOfFile("C:\\Users\\ada\\refunds.JSONL")).toBe("refunds");
	const { fake, profile } = await world();
	const reading = new Import(fake);
	expect(await reading.run("/tmp/cut.csv", "x", profile.id)).toBeNull();
	expect(reading.fault?.message).toContain("line 1");
	const capture = await reading.run("/tmp/whole.jsonl", "from staging", profile.id);
	expect([capture?.name, reading.fault, reading.running]).toEqual(["from staging", null, false]);
});

test("captures are sorted as the table asks, and the sort is remembered", async () => {
	const { fake, profile } = await world();
	const list = new CaptureList(fake, profile.id);
	list.sortBy({ column: "messages", descending: false });
	list.rows.need(0, 10);
	await vi.waitFor(() => expect(list.rows.shown).toBe(2));
	expect([list.rows.at(0)?.messages, list.rows.at(1)?.messages]).toEqual([40, 200]);
	expect(new CaptureList(fake, profile.id).sort.column).toBe("messages");
});

test("how long a capture is kept is said, and what is lost with it", async () => {
	const { fake, profile } = await world();
	const { view } = fake.world.addCapture(profile, "orders.refunds.dlq", 3);
	expect([keptWords(view), keptWords({ ...view, kept: { kind: "always" } })]).toEqual([
		"while there is room",
		"until removed",
	]);
	const held = { ...view, kept: { kind: "whileNeeded" as const }, heldBy: "2 messages exist only here" };
	expect(keptWhy(held)).toContain("2 messages exist only here");
	const job = {
		...view,
		source: "job" as const,
		kept: { kind: "until" as const, at: "2026-12-20T12:00:00Z" },
	};
	expect(keptWords(job)).toBe("until 20 Dec 2026");
	expect(removeWords(job)).toContain("cannot be undone");
	expect(removeWords(view)).not.toContain("undone");
	expect(textFilter('say "a\\b"')).toBe('"say \\"a\\\\b\\""');
});
