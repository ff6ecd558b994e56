import { expect, test, vi } from "vitest";
import { fakePort } from "../ipc/fake";
import { Events } from "./events";
import { Jobs } from "./jobs.svelte";
import { Pace } from "./pace";

async function world() {
	const fake = fakePort({ seed: 3 });
	const events = new Events();
	await events.start(fake);
	const [profile, other] = [...fake.world.profiles.values()];
	if (!profile || !other) throw new Error("the fake world has two profiles");
	return { fake, profile, other, jobs: new Jobs(fake, events) };
}

test("jobs are known as they change, and counted for their connection alone", async () => {
	const { fake, profile, other, jobs } = await world();
	await jobs.again();
	const job = fake.world.addJob(profile, { state: "running", counts: { underWay: 5 } });
	fake.world.addJob(other, { state: "paused" });
	await vi.waitFor(() => expect(jobs.all).toHaveLength(2));
	expect(jobs.note(profile.id)).toBe("1 running");
	expect(jobs.note(other.id)).toBe("1 needs you");
	await fake.stopJob(job.id);
	await vi.waitFor(() => expect(jobs.note(profile.id)).toBeNull());
});

test("a list that says less forgets nothing, and asks for what has changed", async () => {
	const { fake, profile, jobs } = await world();
	const job = fake.world.addJob(profile, { state: "needsAnswer", counts: { inDoubt: 1 } });
	await jobs.read(job.id);
	await jobs.again();
	expect(jobs.find(job.id)?.by).toBe("ada, in the window");
	// Another program did that, which tells nothing here.
	fake.world.jobs.set(job.id, { ...job, state: "finished", outcome: "1 in doubt, left" });
	const shown = vi.spyOn(jobs, "read");
	await jobs.again();
	expect(shown).toHaveBeenCalledWith(job.id);
});

test("a list that cannot be read stays as it was", async () => {
	const { fake, profile, jobs } = await world();
	fake.world.addJob(profile);
	await jobs.again();
	fake.refuse("listJobs", { code: "storeFull", message: "full", remedy: null, detail: "", retryable: true });
	await jobs.again();
	expect(jobs.fault?.code).toBe("storeFull");
	expect(jobs.all).toHaveLength(1);
});

test("a pace is of the last seconds, and is not told from one look or after silence", async () => {
	const { fake, profile } = await world();
	const at = (done: number) =>
		fake.world.addJob(profile, { state: "running", counts: { done, underWay: 100 - done } });
	const pace = new Pace();
	pace.note(at(0), 0);
	expect(pace.perSecond(0)).toBeNull();
	pace.note(at(20), 2000);
	expect(pace.perSecond(2000)).toBe(10);
	expect(pace.leftMs(at(20), 2000)).toBe(8000);
	expect(pace.perSecond(9000)).toBeNull();
	pace.note(at(30), 20_000);
	expect(pace.perSecond(20_000)).toBeNull();
	pace.note({ ...at(30), state: "paused" }, 21_000);
	expect(pace.leftMs({ ...at(30), state: "paused" }, 21_000)).toBeNull();
});
