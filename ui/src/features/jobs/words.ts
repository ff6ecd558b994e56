import type { Deed, JobRow, JobView, MessageState } from "../../ipc/port";
import { absolute, clock, count, counted, duration } from "../../kit/format";
import type { Tone } from "../../kit/tone";
import { needsUser, settled } from "../../shell/context";
import { DEED_NAMES, ENDINGS, endingOf } from "../redrive/deeds";

/** Messages that left this computer: they may come back. */
const SENDS: Deed[] = ["redrive", "move", "copy", "replay", "undo", "sendCopy"];

export const sends = (deed: Deed): boolean => SENDS.includes(deed);

/** "Redrive orders.dead" */
export const jobTitle = (job: JobView): string => `${DEED_NAMES[job.deed]} ${job.queue ?? job.target}`.trim();

/** Messages that did not end as they were meant to. */
export function toLookAt({ counts }: JobView): number {
	return (
		counts.bounced + counts.unroutable + counts.refused + counts.failed + counts.onlyOurCopy + counts.gone
	);
}

/** What it removed from its queue can be put back from the copies here. What a redrive sent may be consumed already. */
export function undoable({ deed, state, counts, capture }: JobView): boolean {
	const removes = deed === "discard" || deed === "take" || deed === "move";
	return removes && state !== "running" && capture !== null && counts.done > 0;
}

/** How many wait for an answer. */
export const waiting = ({ counts }: JobView): number =>
	counts.inDoubt + counts.leftBehind + counts.onlyOurCopy;

/** What was not done, and can be gone on with. */
export function remaining({ state, counts }: JobView): number {
	return state === "running" || state === "finished" ? 0 : counts.notStarted + counts.underWay;
}

export function badge(job: JobView): { words: string; tone: Tone | "plain" } {
	const open = waiting(job);
	switch (job.state) {
		case "running":
			return { words: job.elsewhere ? "Running in another program" : "Running", tone: "info" };
		case "paused":
			return { words: "Paused", tone: "warn" };
		case "interrupted":
			return { words: open > 0 ? `Interrupted, ${count(open)} in doubt` : "Interrupted", tone: "warn" };
		case "needsAnswer":
			return { words: `${count(open)} ${open === 1 ? "needs" : "need"} an answer`, tone: "warn" };
		case "stopped":
			return { words: "Stopped", tone: "plain" };
		case "failed":
			return { words: "Failed", tone: "crit" };
		case "finished": {
			const odd = toLookAt(job);
			return odd > 0
				? { words: `Finished, ${count(odd)} to look at`, tone: "warn" }
				: { words: "Finished", tone: "ok" };
		}
	}
}

/** How a job stands, in the second line of its entry. */
export function listWords(job: JobView, leftMs: number | null): string {
	const { counts } = job;
	const open = waiting(job);
	switch (job.state) {
		case "running": {
			const left = leftMs === null ? "" : ` · ${duration(leftMs)} left`;
			return `${count(settled(job))} of ${count(counts.planned)}${job.elsewhere ? " · elsewhere" : left}`;
		}
		case "paused":
			return `Paused · ${count(remaining(job))} not started`;
		case "interrupted":
			return `Interrupted ${clock(job.endedAt)}${open > 0 ? ` · ${count(open)} in doubt` : ""}`;
		case "needsAnswer":
			return `${count(open)} ${open === 1 ? "needs" : "need"} an answer`;
		default:
			return endingWords(job);
	}
}

/** "312 · 311 done, 2 came back, 1 refused" */
function endingWords({ counts }: JobView): string {
	if (counts.planned === 0) return "nothing was there";
	if (counts.done === counts.planned && counts.bounced === 0) return `${count(counts.planned)} · all done`;
	const parts = ENDINGS.filter(({ state }) => counts[state] > 0).map(
		({ state, label }) => `${count(counts[state])} ${label.toLowerCase()}`,
	);
	if (counts.bounced > 0) parts.splice(1, 0, `${count(counts.bounced)} came back`);
	return `${count(counts.planned)} · ${parts.join(", ")}`;
}

export type Group = "Running" | "Needs you" | "Finished";

/** The jobs by what they want of the user, each newest first. */
export function grouped(jobs: JobView[]): { title: Group; jobs: JobView[] }[] {
	const of = (title: Group, keeps: (job: JobView) => boolean) => ({ title, jobs: jobs.filter(keeps) });
	const running = (job: JobView) => job.state === "running";
	return [
		of("Running", running),
		of("Needs you", needsUser),
		of("Finished", (job) => !running(job) && !needsUser(job)),
	].filter((group) => group.jobs.length > 0);
}

/** The time of that day, or the whole date of another one. */
export function when(at: string, nowMs: number): string {
	const [day, today] = [new Date(at), new Date(nowMs)];
	return day.toDateString() === today.toDateString() ? clock(at) : absolute(at).replace(/\.\d{3}/, "");
}

const UNDER_WAY: Partial<Record<MessageState, string>> = {
	planned: "Waiting",
	copied: "Copied",
	publishing: "Waiting for confirm",
	published: "Confirmed",
	removing: "Being removed",
};

export const stateWords = (state: MessageState): string =>
	UNDER_WAY[state] ?? endingOf(state)?.label ?? state;

/** What became of a message. One that was only in the way was held and put back. */
export function resultWords({ state, bounced, chosen }: JobRow): string {
	if (bounced) return "Came back";
	return !chosen && state === "done" ? "Held, put back" : stateWords(state);
}

/** Who started it, when, and where it runs. */
export function about(job: JobView, nowMs: number): string {
	const parts = [
		`Job ${count(job.number)}`,
		`started ${when(job.startedAt, nowMs)}${job.by ? ` by ${job.by}` : ""}`,
	];
	if (job.state === "running") {
		parts.push(job.elsewhere ? "another program runs it" : "runs here, keep the app open");
	} else if (job.endedAt) {
		const took = Date.parse(job.endedAt) - Date.parse(job.startedAt);
		parts.push(`${needsUser(job) ? "halted" : "ended"} ${when(job.endedAt, nowMs)}, after ${duration(took)}`);
	}
	if (job.target && job.queue) parts.push(`to ${job.target}`);
	return parts.join(" · ");
}

/** "98 messages", for buttons. */
export const others = (n: number): string => counted(n, "message");
