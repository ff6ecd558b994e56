import { expect, test, vi } from "vitest";
import { type FakePort, fakePort } from "../../ipc/fake";
import type { DeedAsk, Port } from "../../ipc/port";
import { barParts, ENDINGS, redriveOf, startWords } from "./deeds";
import { PlanDraft } from "./plan.svelte";

function world(messages = [1]) {
	const fake = fakePort({ seed: 3 });
	const [profile] = [...fake.world.profiles.values()];
	if (!profile) throw new Error("the fake world has no profile");
	const capture = fake.world.addCapture(profile, "orders.payments.dlq", 16);
	const ask: DeedAsk = redriveOf(capture.view.id, messages);
	return { fake, profile: profile.id, ask };
}

const spied = (fake: FakePort) => {
	const makePlan = vi.fn(fake.makePlan);
	const discardPlan = vi.fn(fake.discardPlan);
	const port: Port = { ...fake, makePlan, discardPlan };
	return { port, makePlan, discardPlan };
};

test("every choice makes the plan anew and gives up the one before", async () => {
	const { fake, profile, ask } = world();
	const { port, makePlan, discardPlan } = spied(fake);
	const draft = new PlanDraft(port, profile, ask);
	await draft.again();
	const first = draft.plan?.id;
	draft.keep(true);
	expect(draft.plan).toBeNull();
	await vi.waitFor(() => expect(draft.plan).not.toBeNull());
	expect(discardPlan).toHaveBeenCalledWith(first);
	expect(makePlan).toHaveBeenLastCalledWith(profile, {
		...ask,
		options: expect.objectContaining({ keepOrigin: true }),
	});
	draft.chooseTarget("origin");
	await vi.waitFor(() => expect(draft.plan).not.toBeNull());
	expect(makePlan).toHaveBeenLastCalledWith(profile, {
		...ask,
		to: { kind: "origin" },
		options: expect.objectContaining({ keepOrigin: true }),
	});
});

test("no plan is made for a place that is not named yet", async () => {
	const { fake, profile, ask } = world();
	const { port, makePlan } = spied(fake);
	const draft = new PlanDraft(port, profile, ask);
	draft.chooseTarget("queue");
	await draft.again();
	expect(makePlan).not.toHaveBeenCalled();
	draft.name({ queue: "orders.tax.v2" });
	await vi.waitFor(() => expect(draft.plan?.lines[0]?.arrivesIn).toEqual(["orders.tax.v2"]));
	expect(makePlan).toHaveBeenCalledTimes(1);
});

test("a start that is refused starts nothing, and says why", async () => {
	const { fake, profile, ask } = world([1, 2]);
	const draft = new PlanDraft(fake, profile, ask);
	await draft.again();
	expect(draft.plan?.typed).toBe("orders.payments.dlq");
	await fake.setWrites(profile, true);
	await draft.again();
	expect(await draft.start("something else")).toBe(false);
	expect(draft.fault?.code).toBe("confirmationMissing");
	expect(draft.jobId).toBeNull();
	expect(fake.world.jobs.size).toBe(0);
});

test("a plan that is out of date is made anew and has to be read again", async () => {
	const { fake, profile, ask } = world();
	const draft = new PlanDraft(fake, profile, ask);
	await draft.again();
	const old = draft.plan?.id;
	fake.world.plans.clear();
	expect(await draft.start(null)).toBe(false);
	expect(draft.remade).toBe(true);
	expect(draft.plan?.id).not.toBe(old);
	expect(draft.fault).toBeNull();
});

test("a started plan becomes a job, and closing does not discard it", async () => {
	const { fake, profile, ask } = world();
	await fake.setWrites(profile, true);
	const { port, discardPlan } = spied(fake);
	const draft = new PlanDraft(port, profile, ask);
	await draft.again();
	expect(await draft.start(null)).toBe(true);
	expect(draft.job?.counts.done).toBe(1);
	expect(draft.ended).toBe(true);
	draft.close();
	expect(discardPlan).not.toHaveBeenCalled();
});

test("a plan that was not started is given up when the dialog closes", async () => {
	const { fake, profile, ask } = world();
	const { port, discardPlan } = spied(fake);
	const draft = new PlanDraft(port, profile, ask);
	await draft.again();
	draft.close();
	expect(discardPlan).toHaveBeenCalledTimes(1);
});

test("buttons say verb and count", () => {
	expect(startWords("redrive", 1)).toBe("Redrive 1 message");
	expect(startWords("take", 1204)).toBe("Take 1\u202f204 messages");
	expect(startWords("discardCopies", 2)).toBe("Discard 2 copies");
});

test("a bar draws everything that ended, and leaves out what stayed where it was", async () => {
	const counts = Object.fromEntries(ENDINGS.map(({ state }) => [state, 2]));
	const drawn = barParts({ ...counts, planned: 20, underWay: 0 } as never);
	expect(drawn.reduce((sum, part) => sum + part.n, 0)).toBe(14);
	expect(drawn.find((part) => part.tone === "doubt")?.n).toBe(2);
});
