import type { JobCounts, JobRow, JobRowAsk, JobView, MessageState, Port } from "../port";
import { makePlans, startPlans } from "./deeds";
import { fail, now, type World } from "./world";

/** The states that are counted, in the order in which the fake numbers its rows. */
const ENDED: (keyof JobCounts & MessageState)[] = [
	"done",
	"leftBehind",
	"unroutable",
	"refused",
	"failed",
	"inDoubt",
	"gone",
	"skipped",
	"onlyOurCopy",
	"notStarted",
];

export function jobCalls(world: World) {
	const job = (id: string) => world.jobs.get(id) ?? fail("notFound", `there is no job \`${id}\``);
	const change = (id: string, changed: Partial<JobView>) => {
		const after = { ...job(id), ...changed };
		world.jobs.set(id, after);
		world.tell({ kind: "jobChanged", job: id });
		return after;
	};
	const end = (id: string, state: JobView["state"]) => {
		const { counts } = job(id);
		const rest = { ...counts, notStarted: counts.notStarted + counts.underWay, underWay: 0 };
		change(id, { state, endedAt: now(), counts: rest });
		return null;
	};
	const plan = (id: string) => world.plans.get(id) ?? fail("notFound", `there is no plan \`${id}\``);
	return {
		makePlans: async (profile, asks) => makePlans(world, world.profile(profile), asks),
		startPlans: async (ids, typed) => startPlans(world, ids, typed),
		discardPlan: async (id) => {
			world.plans.delete(id);
			return null;
		},
		listPlans: async (profile) =>
			[...world.plans.values()]
				.map(({ saved }) => saved)
				.filter(({ view }) => profile === null || view.profile === profile)
				.toReversed(),
		reopenPlan: async (id) => {
			const { saved } = plan(id);
			return { saved, now: saved.view, changes: world.changes };
		},
		stopJob: async (id) => {
			if (job(id).watchingUntil !== null) return change(id, { watchingUntil: null }) && null;
			return end(id, "stopped");
		},
		pauseJob: async (id) => end(id, "paused"),
		resumeJob: async (id, _, typed) => {
			const { counts, typed: asked } = job(id);
			if (asked !== typed) fail("confirmationMissing", `type \`${asked}\` to confirm`);
			if (world.connection(job(id).profile).writes.kind === "locked")
				fail("readOnly", "turn on writes first");
			const all = { ...counts, done: counts.done + counts.notStarted, notStarted: 0 };
			change(id, { state: "finished", endedAt: now(), counts: all });
			return null;
		},
		showJob: async (id) => job(id),
		listJobs: async (profile) =>
			[...world.jobs.values()]
				.filter((one) => profile === null || one.profile === profile)
				.map((one) => ({ ...one, rows: [], by: "" }))
				.toReversed(),
		jobRows: async (id, ask) => jobRows(job(id), ask),
		exportJob: async (id, only, text, _, path) => {
			const { total } = jobRows(job(id), { only, text, newestFirst: false, from: 0, n: 0 });
			return { path, messages: total, bytes: 100 * total };
		},
		lookForBounces: async (id) => {
			const { counts, profile, queue } = job(id);
			const look = {
				profile,
				queue: queue ?? "",
				found: 0,
				scanned: 12,
				of: 12,
				nameless: 0,
				notLooked: null,
				cost: null,
			};
			return { bounced: counts.bounced, looks: [look] };
		},
		reconcileJob: async (id) => job(id),
		answerJob: async (id, answers) => {
			const rows = job(id).rows.filter((row) => !answers.some((answer) => answer.n === row.n));
			return change(id, { rows, ...(rows.length === 0 ? { state: "finished" } : {}) });
		},
	} satisfies Partial<Port>;
}

function jobRows({ counts, startedAt, rows }: JobView, { only, text, newestFirst, from, n }: JobRowAsk) {
	const states = ENDED.flatMap((state) => Array.from({ length: counts[state] }, () => state));
	const all = states.map((state, at): JobRow => {
		const known = rows.find((row) => row.n === at + 1);
		return known ?? rowOf(at + 1, state, startedAt, state === "done" && at < counts.bounced);
	});
	const holds = (row: JobRow) => `${row.messageId ?? ""} ${row.key} ${row.why}`.includes(text);
	const left = all
		.filter((row) => only.kind === "all" || (only.kind === "in" ? row.state === only.state : row.bounced))
		.filter(holds);
	const ordered = newestFirst ? left.toReversed() : left;
	return { total: left.length, from, rows: ordered.slice(from, from + n) };
}

const rowOf = (n: number, state: MessageState, at: string, bounced: boolean): JobRow => ({
	n,
	messageId: null,
	key: `fp:${n.toString(16).padStart(32, "7e02d91a")}`,
	state,
	why: state === "refused" ? "its target is full" : "",
	at,
	atSource: { kind: "notApplicable" },
	atTarget: { kind: "notApplicable" },
	recommended: null,
	answers: [],
	bounced,
	chosen: true,
});
