import { expect, test, vi } from "vitest";
import { fakePort } from "../../ipc/fake";
import { JobActs } from "./job.svelte";
import { whyLocked } from "./locked";
import { JobRows, tabsOf } from "./rows.svelte";
import { stepsOf } from "./steps";
import { badge, grouped, listWords, remaining, undoable } from "./words";

function world() {
	const fake = fakePort({ seed: 3 });
	const [profile] = [...fake.world.profiles.values()];
	if (!profile) throw new Error("the fake world has no profile");
	return { fake, profile };
}

const CANARY = { messages: 10, waitS: 480, bouncesMax: 2 };

test("jobs are grouped by what they want of the user, the newest first", async () => {
	const { fake, profile } = world();
	for (const state of ["finished", "paused", "running", "stopped", "needsAnswer"] as const) {
		fake.world.addJob(profile, { state });
	}
	const groups = grouped(await fake.listJobs(null));
	expect(groups.map(({ title, jobs }) => [title, jobs.map(({ number }) => number)])).toEqual([
		["Running", [3]],
		["Needs you", [5, 2]],
		["Finished", [4, 1]],
	]);
});

test("an entry says how far its job is, what it waits for, or how it ended", () => {
	const { fake, profile } = world();
	const running = fake.world.addJob(profile, { state: "running", counts: { done: 618, underWay: 574 } });
	expect(listWords(running, 57_000)).toBe("618 of 1\u202f192 · 57\u202fs left");
	expect(listWords({ ...running, elsewhere: true }, null)).toBe("618 of 1\u202f192 · elsewhere");
	const ended = fake.world.addJob(profile, { counts: { done: 311, refused: 1, bounced: 2 } });
	expect(listWords(ended, null)).toBe("312 · 311 done, 2 came back, 1 refused");
	expect(badge(ended)).toEqual({ words: "Finished, 3 to look at", tone: "warn" });
	expect(listWords(fake.world.addJob(profile, { counts: { done: 7 } }), null)).toBe("7 · all done");
	const open = fake.world.addJob(profile, { state: "needsAnswer", counts: { inDoubt: 3, notStarted: 98 } });
	expect(badge(open).words).toBe("3 need an answer");
	expect(remaining(open)).toBe(98);
	expect(remaining(ended), "what has ended is not gone on with").toBe(0);
});

test("the steps say where a job with a canary is", () => {
	const { fake, profile } = world();
	const job = (state: "running" | "paused" | "finished", counts: object) =>
		stepsOf(fake.world.addJob(profile, { state, counts, canary: CANARY, watchS: 300 })).map(
			({ name, words, state: is }) => `${name} ${is}: ${words}`,
		);
	expect(job("running", { done: 4, underWay: 96 })[1]).toBe("Canary now: 4 of 10 sent");
	expect(job("running", { done: 10, underWay: 90 }).slice(1, 3)).toEqual([
		"Canary now: 10 sent, watched for 8\u202fmin",
		"Redrive todo: 10 of 100",
	]);
	expect(job("running", { done: 11, underWay: 89 })[1]).toBe("Canary done: 10 sent, let through");
	expect(job("paused", { done: 10, notStarted: 90, bounced: 3 })).toEqual([
		"Copy done: each was copied first",
		"Canary warn: 3 of 10 came back",
		"Redrive todo: 10 of 100",
		"Watch todo: not reached",
	]);
	expect(job("finished", { done: 100 })[3]).toBe("Watch done: none was seen to come back");
});

test("a wish is shown until the job has heard it; one that is refused is no wish", async () => {
	const { fake, profile } = world();
	const job = fake.world.addJob(profile, { state: "running", elsewhere: true, counts: { underWay: 5 } });
	const acts = new JobActs(fake, job.id);
	await acts.pause();
	expect(acts.wishOf(job)).toBe("pause");
	expect(acts.wishOf(await fake.showJob(job.id))).toBeNull();
	await acts.resume("all", null);
	expect(acts.fault?.code).toBe("readOnly");
	await fake.setWrites(profile.id, true);
	await acts.resume("all", null);
	expect(acts.fault).toBeNull();
	expect((await fake.showJob(job.id)).counts.done).toBe(5);
});

test("going on is a start: what has to be typed is asked for again", async () => {
	const { fake, profile } = world();
	const job = fake.world.addJob(profile, { state: "paused", typed: "orders.dlq", counts: { notStarted: 5 } });
	await fake.setWrites(profile.id, true);
	const acts = new JobActs(fake, job.id);
	expect(await acts.resume("all", null)).toBe(false);
	expect(acts.fault?.code).toBe("confirmationMissing");
	expect(await acts.resume("all", "orders.dlq")).toBe(true);
});

test("what a job removed can be put back; what it sent cannot", () => {
	const { fake, profile } = world();
	const of = (deed: "discard" | "move" | "redrive" | "purge", change = {}) =>
		undoable(fake.world.addJob(profile, { deed, capture: "c", counts: { done: 3 }, ...change }));
	expect([of("discard"), of("move"), of("redrive"), of("purge", { capture: null })]).toEqual([
		true,
		true,
		false,
		false,
	]);
	expect(of("discard", { state: "running" }), "it is still at it").toBe(false);
});

test("nothing is sent over a connection that is closed or read-only, and that is said", async () => {
	const { fake, profile } = world();
	expect(whyLocked(undefined, "shop")).toBe("Connect to shop first");
	const [view] = await fake.listConnections();
	expect(whyLocked(view, profile.name)).toContain("read-only");
	expect(whyLocked(await fake.setWrites(profile.id, true), profile.name)).toBeNull();
});

test("messages are listed by their ending; a tab with nothing left in it is left", async () => {
	const { fake, profile } = world();
	const counts = { done: 3, refused: 2, bounced: 1 };
	const job = fake.world.addJob(profile, { counts });
	expect(tabsOf(job).map(({ label }) => label)).toEqual(["All 5", "Came back 1", "Done 3", "Refused 2"]);
	const list = new JobRows(fake, job);
	list.rows.need(0, 10);
	await vi.waitFor(() => expect(list.rows.shown).toBe(5));
	list.search("target is full");
	await vi.waitFor(() => expect(list.rows.shown).toBe(2));
	expect(list.asked).toEqual({ only: { kind: "all" }, text: "target is full" });
	list.search("");
	list.choose("refused");
	await vi.waitFor(() => expect(list.rows.shown).toBe(2));
	expect(list.rows.at(0)?.state).toBe("refused");
	list.follow({ ...job, counts: { ...job.counts, refused: 0 } });
	expect(list.tab).toBe("all");
	await vi.waitFor(() => expect(list.rows.shown).toBe(5));
});
