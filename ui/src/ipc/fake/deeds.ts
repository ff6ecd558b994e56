import type { DeedAsk, JobView, LookCost, PlanSet, PlanView, Profile, Selection } from "../port";
import { fail, now, type World } from "./world";

/** What a look at that queue costs: refused where its dead letters died of their limit. */
export function lookCost(queue: string, n: number): LookCost {
	const destroys = queue === "orders.invoice-render.dlq";
	return {
		returning: destroys ? { kind: "destroys", limit: 20 } : { kind: "counts", limit: 20 },
		reach: n,
		consumers: queue.endsWith(".dlq") ? 0 : 2,
		refusal: destroys
			? {
					code: "destroys",
					why: "Messages that died of their delivery limit wait here, and this queue has a limit of its own: giving them back would destroy them.",
					ways: ["makeSafe", "take", "careful"],
				}
			: null,
		words: destroys
			? "Giving back destroys what was delivered more than 20 times."
			: "Messages are taken and put back in order; each uses one of 20 deliveries.",
		evidence: [
			{ name: "queue type", value: "quorum" },
			{ name: "delivery limit", value: "20, by default" },
		],
	};
}

/** Of several the whole is their sum, which is enough for the window. */
export function makePlans(world: World, profile: Profile, asks: DeedAsk[]): PlanSet {
	const parts = asks.map((ask) => makePlan(world, profile, ask));
	const [first] = parts;
	if (!first) return fail("invalid", "no message is chosen");
	if (parts.length === 1) return { whole: first, parts };
	const willAct = parts.reduce((sum, part) => sum + part.willAct, 0);
	const whole = {
		...first,
		id: world.random.id(),
		title: `Redrive ${willAct} messages from ${parts.length} queues`,
		queue: null,
		lines: parts.flatMap((part) => part.lines),
		messages: willAct,
		willAct,
		cost: null,
		typed: profile.environment === "production" && willAct > 1 ? profile.name : null,
	};
	return { whole, parts };
}

/** What was typed for several is the profile's name. */
export function startPlans(world: World, ids: string[], typed: string | null): string[] {
	if (ids.length === 1 && ids[0]) return [startPlan(world, ids[0], typed)];
	const plans = ids.map(
		(id) => world.plans.get(id) ?? fail("planOutdated", "`orders.dlq`: the plan is out of date"),
	);
	const [first] = plans;
	if (first?.saved.view.environment === "production" && typed !== first.saved.view.profileName)
		fail("confirmationMissing", `type \`${first.saved.view.profileName}\` to start`);
	return plans.map(({ saved }) => startPlan(world, saved.view.id, saved.view.typed));
}

function makePlan(world: World, profile: Profile, ask: DeedAsk): PlanView {
	const connection = world.connection(profile.id);
	const { deed, queue, messages, title } = described(world, ask);
	const target = ask.kind === "send" && ask.to.kind === "place" ? ask.to.target : null;
	const arrives = target?.kind === "queue" ? target.queue : "orders.payment-capture";
	const typed =
		deed === "carefulLook" || (profile.environment === "production" && messages > 1) ? queue : null;
	const view: PlanView = {
		id: world.random.id(),
		deed,
		title,
		profile: profile.id,
		profileName: profile.name,
		environment: profile.environment,
		queue,
		madeAt: now(),
		tookMs: 38,
		lines:
			deed === "redrive"
				? [
						{
							from: queue,
							key: "payment.capture.v1",
							target: target ?? { kind: "queue", queue: arrives },
							arrivesIn: [arrives],
							messages,
							note: "12 consumers",
							stays: false,
						},
					]
				: [],
		messages,
		willAct: messages,
		duplicates: 0,
		takesS: null,
		toProfileName: null,
		removesOriginal: deed === "redrive" || deed === "take",
		hazards: [],
		stripped:
			deed === "redrive"
				? [{ name: "x-death", why: "RabbitMQ would drop the message as a cycle", messages }]
				: [],
		cost: lookCost(queue, messages),
		warnings:
			deed === "carefulLook" ? ["A crash between delivery and our copy can cost at most 16 messages."] : [],
		typed,
		writesLocked: connection.writes.kind === "locked" && deed !== "carefulLook",
		blocked: null,
	};
	const saved = { number: world.plans.size + 1, view, ask, ready: null, started: null };
	world.plans.set(view.id, { saved, act: () => carryOut(world, view, ask) });
	return view;
}

function described(
	world: World,
	ask: DeedAsk,
): Pick<PlanView, "deed" | "messages" | "title"> & { queue: string } {
	const letters = (n: number) => `${n} ${n === 1 ? "message" : "messages"}`;
	switch (ask.kind) {
		case "send": {
			const { capture, numbers } = chosen(ask.from);
			const queue = world.capture(capture).view.queue;
			const messages = numbers.length;
			return { deed: "redrive", queue, messages, title: `Redrive ${letters(messages)}` };
		}
		case "discardCopies": {
			const queue = world.capture(ask.capture).view.queue;
			const messages = ask.messages.length;
			return { deed: "discardCopies", queue, messages, title: `Discard ${messages} copies` };
		}
		case "take":
			return {
				deed: "take",
				queue: ask.queue,
				messages: ask.n,
				title: `Take ${letters(ask.n)} into a capture`,
			};
		case "carefulLook":
			return {
				deed: "carefulLook",
				queue: ask.queue,
				messages: ask.n,
				title: `Look at ${letters(ask.n)}, carefully`,
			};
		default:
			return fail("other", `the fake has no ${ask.kind}`);
	}
}

/** The window names messages one by one. */
function chosen(from: Selection): { capture: string; numbers: number[] } {
	if (from.kind !== "chosen") return fail("other", `the fake has no selection ${from.kind}`);
	return { capture: from.capture, numbers: from.messages };
}

function startPlan(world: World, id: string, typed: string | null): string {
	const plan = world.plans.get(id) ?? fail("planOutdated", "the plan is out of date");
	const { view } = plan.saved;
	if (view.writesLocked && world.connection(view.profile).writes.kind === "locked") {
		fail("readOnly", `\`${view.profileName}\` is read-only: turn on writes first`);
	}
	if (view.typed !== null && view.typed !== typed) {
		fail("confirmationMissing", `type \`${view.typed}\` to start`);
	}
	world.plans.delete(id);
	plan.act();
	return [...world.jobs.keys()].at(-1) ?? fail("other", "no job was made");
}

function carryOut(world: World, plan: PlanView, ask: DeedAsk): void {
	const profile = world.profile(plan.profile);
	const capture = takenOrSent(world, profile, plan, ask);
	const options = ask.kind === "send" ? ask.options : undefined;
	const job = world.addJob(profile, {
		deed: plan.deed,
		queue: plan.queue,
		target: plan.lines[0]?.arrivesIn[0] ?? "",
		perSecond: options?.perSecond ?? null,
		canary: options?.canary ?? null,
		watchS: options?.watchS ?? null,
		counts: { done: plan.messages },
		outcome: `${plan.messages} done, confirmed and removed`,
		capture,
	});
	if (ask.kind === "send") markSent(world, chosen(ask.from), job);
	world.note({
		act: plan.deed,
		place: plan.queue ?? "",
		words: job.outcome,
		profile: plan.profile,
		profileName: plan.profileName,
		messages: plan.messages,
		job: job.id,
		capture,
		confirmed: plan.typed === null ? "by a click" : "by typing the queue's name",
	});
}

function takenOrSent(world: World, profile: Profile, plan: PlanView, ask: DeedAsk): string | null {
	if (ask.kind === "send") return chosen(ask.from).capture;
	if (ask.kind === "discardCopies") return ask.capture;
	if (ask.kind !== "take" && ask.kind !== "carefulLook") return null;
	const taken = plan.deed === "take";
	const change = taken
		? { source: "take" as const, outcome: "copied and removed", heldBy: "its messages exist only here" }
		: { source: "carefulLook" as const };
	const capture = world.addCapture(profile, ask.queue, ask.n, change);
	if (taken) for (const message of capture.messages) message.row.fate = { kind: "onlyHere" };
	return capture.view.id;
}

function markSent(
	world: World,
	{ capture, numbers }: { capture: string; numbers: number[] },
	job: JobView,
): void {
	for (const message of world.capture(capture).messages) {
		if (!numbers.includes(message.row.n)) continue;
		message.row = { ...message.row, fate: { kind: "job", job: job.id, words: "redriven" } };
	}
	world.tell({ kind: "capturesChanged" });
}
