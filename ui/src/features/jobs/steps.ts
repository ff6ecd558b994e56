import type { JobView } from "../../ipc/port";
import { clock, count, counted, duration } from "../../kit/format";
import { settled } from "../../shell/context";
import { DEED_NAMES, STEPS } from "../redrive/deeds";
import { sends } from "./words";

export type StepState = "done" | "now" | "todo" | "warn";

export interface Step {
	name: string;
	words: string;
	state: StepState;
}

/** What a job goes through, and where it is. The copies are made on the way, each before its message is sent. */
export function stepsOf(job: JobView): Step[] {
	if (!sends(job.deed)) return [];
	const canary = canaryStep(job);
	return [copyStep(job), canary, mainStep(job, canary), watchStep(job)].filter((step) => step !== null);
}

function copyStep(job: JobView): Step | null {
	if (!STEPS[job.deed][0]?.startsWith("copied")) return null;
	const running = job.state === "running";
	return {
		name: "Copy",
		words: running ? "each before it is sent" : "each was copied first",
		state: running ? "now" : "done",
	};
}

function canaryStep(job: JobView): Step | null {
	if (!job.canary) return null;
	const { messages, waitS, bouncesMax } = job.canary;
	const sent = settled(job) - job.counts.skipped;
	const back = job.counts.bounced;
	const step = (words: string, state: StepState): Step => ({ name: "Canary", words, state });
	if (sent > messages || job.state === "finished")
		return step(`${count(messages)} sent, let through`, "done");
	if (job.state !== "running") {
		if (back > bouncesMax) return step(`${count(back)} of ${count(messages)} came back`, "warn");
		return step(`${count(sent)} of ${count(messages)} sent`, "warn");
	}
	if (sent < messages) return step(`${count(sent)} of ${count(messages)} sent`, "now");
	return step(`${count(messages)} sent, watched for ${duration(waitS * 1000)}`, "now");
}

function mainStep(job: JobView, canary: Step | null): Step {
	const { counts, state } = job;
	const words = `${count(counts.done)} of ${count(counts.planned - counts.skipped)}`;
	const name = DEED_NAMES[job.deed];
	if (state === "running") return { name, words, state: canary?.state === "now" ? "todo" : "now" };
	return { name, words, state: state === "finished" ? "done" : "todo" };
}

function watchStep(job: JobView): Step | null {
	if (!job.watchS) return null;
	const step = (words: string, state: StepState): Step => ({ name: "Watch", words, state });
	if (job.watchingUntil) return step(`for bounces, until ${clock(job.watchingUntil)}`, "now");
	if (job.state === "running") return step(`${duration(job.watchS * 1000)} for bounces`, "todo");
	if (job.state !== "finished") return step("not reached", "todo");
	const back = job.counts.bounced;
	return back > 0
		? step(`${counted(back, "message")} came back`, "warn")
		: step("none was seen to come back", "done");
}
