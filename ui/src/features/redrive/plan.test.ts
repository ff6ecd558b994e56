import { expect, test, vi } from "vitest";
import { type FakePort, fakePort } from "../../ipc/fake";
import type { DeedAsk, Port } from "../../ipc/port";
import { barParts, canaryWords, ENDINGS, redriveOf, startWords } from "./deeds";
import { PaceDraft } from "./pace.svelte";
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
	const makePlans = vi.fn(fake.makePlans);
	const discardPlan = vi.fn(fake.discardPlan);
	const port: Port = { ...fake, makePlans, discardPlan };
	return { port, makePlans, discardPlan };
};

test("every choice makes the plan anew and gives up the one before", async () => {
	const { fake, profile, ask } = world();
	const { port, makePlans, discardPlan } = spied(fake);
	const draft = new PlanDraft(port, profile, [ask]);
	await draft.again();
	const first = draft.parts[0]?.id;
	draft.keep(true);
	expect(draft.plan).toBeNull();
	await vi.waitFor(() => expect(draft.plan).not.toBeNull());
	expect(discardPlan).toHaveBeenCalledWith(first);
	expect(makePlans).toHaveBeenLastCalledWith(profile, [
		{ ...ask, options: expect.objectContaining({ keepOrigin: true }) },
	]);
	draft.chooseTarget("origin");
	await vi.waitFor(() => expect(draft.plan).not.toBeNull());
	expect(makePlans).toHaveBeenLastCalledWith(profile, [
		{ ...ask, to: { kind: "origin" }, options: expect.objectContaining({ keepOrigin: true }) },
	]);
});

test("a plan that is still being made when another is asked for is given up when it comes", async () => {
	const { fake, profile, ask } = world();
	const { port, makePlans, discardPlan } = spied(fake);
	const draft = new PlanDraft(port, profile, [ask]);
	const first = draft.again();
	draft.keep(true);
	await first;
	await vi.waitFor(() => expect(draft.plan).not.toBeNull());
	const made = await Promise.all(makePlans.mock.results.map(({ value }) => value));
	expect(made.map(({ parts }) => parts[0]?.id)).toHaveLength(2);
	expect(discardPlan.mock.calls).toEqual([[made[0]?.parts[0]?.id]]);
	expect(draft.plan?.id).toBe(made[1]?.parts[0]?.id);
});

test("no plan is made for a place that is not named yet", async () => {
	const { fake, profile, ask } = world();
	const { port, makePlans } = spied(fake);
	const draft = new PlanDraft(port, profile, [ask]);
	draft.chooseTarget("queue");
	await draft.again();
	expect(makePlans).not.toHaveBeenCalled();
	draft.name({ queue: "orders.tax.v2" });
	await vi.waitFor(() => expect(draft.plan?.lines[0]?.arrivesIn).toEqual(["orders.tax.v2"]));
	expect(makePlans).toHaveBeenCalledTimes(1);
});

test("a start that is refused starts nothing, and says why", async () => {
	const { fake, profile, ask } = world([1, 2]);
	const draft = new PlanDraft(fake, profile, [ask]);
	await draft.again();
	expect(draft.plan?.typed).toBe("orders.payments.dlq");
	await fake.setWrites(profile, true);
	await draft.again();
	expect(await draft.start("something else")).toBe(false);
	expect(draft.fault?.code).toBe("confirmationMissing");
	expect(draft.jobIds).toEqual([]);
	expect(fake.world.jobs.size).toBe(0);
});

test("a plan that is out of date is made anew and has to be read again", async () => {
	const { fake, profile, ask } = world();
	const draft = new PlanDraft(fake, profile, [ask]);
	await draft.again();
	const old = draft.plan?.id;
	fake.world.plans.clear();
	expect(await draft.start(null)).toBe(false);
	expect(draft.remade).toContain("out of date");
	expect(draft.plan?.id).not.toBe(old);
	expect(draft.fault).toBeNull();
});

test("a started plan becomes a job, and closing does not discard it", async () => {
	const { fake, profile, ask } = world();
	await fake.setWrites(profile, true);
	const { port, discardPlan } = spied(fake);
	const draft = new PlanDraft(port, profile, [ask]);
	await draft.again();
	expect(await draft.start(null)).toBe(true);
	expect(draft.jobs[0]?.counts.done).toBe(1);
	expect(draft.ended).toBe(true);
	draft.close();
	expect(discardPlan).not.toHaveBeenCalled();
});

test("several queues are one plan, confirmed by the profile's name, and become a job each", async () => {
	const { fake, profile, ask } = world([1, 2]);
	const [first] = [...fake.world.profiles.values()];
	if (!first) throw new Error("the fake world has no profile");
	const other = fake.world.addCapture(first, "orders.refunds.dlq", 4);
	await fake.setWrites(profile, true);
	const draft = new PlanDraft(fake, profile, [ask, redriveOf(other.view.id, [1, 2, 3])]);
	await draft.again();
	expect([draft.together, draft.several, draft.plan?.willAct]).toEqual([true, true, 5]);
	expect(draft.parts.map(({ queue }) => queue)).toEqual(["orders.payments.dlq", "orders.refunds.dlq"]);
	expect(draft.plan?.typed).toBe("orders-prod");
	draft.changePace({ canary: true, canaryMessages: "2" });
	await vi.waitFor(() => expect(draft.plan).not.toBeNull());
	expect(draft.canaryOf, "of each queue").toBe(4);
	expect(await draft.start("orders.payments.dlq")).toBe(false);
	expect(fake.world.jobs.size).toBe(0);
	expect(await draft.start("orders-prod")).toBe(true);
	expect(draft.jobs.map(({ counts }) => counts.done)).toEqual([2, 3]);
	expect(draft.ended).toBe(true);
});

test("what cannot be started is left out of several", async () => {
	const { fake, profile, ask } = world([1]);
	await fake.setWrites(profile, true);
	const startPlans = vi.fn(fake.startPlans);
	const makePlans: Port["makePlans"] = async (...asked) => {
		const { whole, parts } = await fake.makePlans(...asked);
		return {
			whole,
			parts: parts.map((part, n) => (n === 1 ? { ...part, blocked: "its queue is empty" } : part)),
		};
	};
	const draft = new PlanDraft({ ...fake, startPlans, makePlans }, profile, [ask, ask]);
	await draft.again();
	await draft.start(null);
	expect(startPlans).toHaveBeenCalledWith([draft.parts[0]?.id], null);
});

test("a plan that was not started is given up when the dialog closes", async () => {
	const { fake, profile, ask } = world();
	const { port, discardPlan } = spied(fake);
	const draft = new PlanDraft(port, profile, [ask]);
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
	const drawn = barParts({ ...counts, planned: 20, underWay: 0, bounced: 1 } as never);
	expect(drawn.reduce((sum, part) => sum + part.n, 0)).toBe(14);
	expect(drawn.find((part) => part.tone === "ok")?.n, "what came back is not well").toBe(1);
	expect(drawn.find((part) => part.tone === "doubt")?.n).toBe(2);
});

test("the pace becomes part of the plan; what makes no sense makes none", async () => {
	const { fake, profile, ask } = world([1, 2, 3]);
	const { port, makePlans } = spied(fake);
	const draft = new PlanDraft(port, profile, [ask]);
	await draft.again();
	draft.changePace({ perSecond: "10", canary: true, canaryMessages: "2" });
	await vi.waitFor(() => expect(draft.plan).not.toBeNull());
	expect(makePlans).toHaveBeenLastCalledWith(profile, [
		{
			...ask,
			options: expect.objectContaining({
				perSecond: 10,
				canary: { messages: 2, waitS: 10, bouncesMax: 0 },
				watchS: null,
				unmarked: false,
			}),
		},
	]);
	expect(draft.canaryOf).toBe(2);
	expect(canaryWords(2)).toBe("Send canary of 2");
	draft.changePace({ canaryMessages: "3" });
	await vi.waitFor(() => expect(draft.plan).not.toBeNull());
	expect(draft.canaryOf, "nothing would follow it").toBeNull();
	draft.changePace({ perSecond: "0" });
	expect(draft.complete).toBe(false);
	expect(draft.pace.wrong).toContain("rate");
});

test("a watch is asked for in seconds, a day at most, also of what is unmarked", () => {
	const pace = new PaceDraft();
	pace.change({ watch: true, unmarked: true });
	expect(pace.options).toEqual({ perSecond: null, canary: null, watchS: 60, unmarked: true });
	pace.change({ watchS: "100000" });
	expect(pace.wrong).toContain("1 day");
});

test("a plan that is saved outlives its dialog, is reopened with what has changed, and can be forgotten", async () => {
	const { fake, profile, ask } = world();
	const draft = new PlanDraft(fake, profile, [ask]);
	await draft.again();
	draft.save();
	draft.close();
	const [saved] = await fake.listPlans(profile);
	if (!saved) throw new Error("no plan was kept");
	fake.world.changes.push({ words: "1 of them was redriven by job 3 since", prevents: false });
	const reopened = new PlanDraft(fake, profile, [saved.ask], saved.view.id);
	await reopened.again();
	expect(reopened.changes.map(({ words }) => words)).toEqual(["1 of them was redriven by job 3 since"]);
	expect([reopened.choosesTarget, reopened.plan?.blocked]).toEqual([false, null]);
	reopened.close();
	expect(await fake.listPlans(profile)).toHaveLength(1);
	fake.world.changes.push({ words: "its target is gone", prevents: true });
	await reopened.again();
	expect(reopened.plan?.blocked).toContain("its target is gone");
	await reopened.forgetSaved();
	expect(await fake.listPlans(profile)).toHaveLength(0);
});
