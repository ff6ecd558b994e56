import type { JobView } from "../ipc/port";

const WINDOW_MS = 15_000;
const LEAST_MS = 1000;
/** After so long without news nothing is said: a canary is watched, or the broker takes nothing. */
const SILENCE_MS = 5000;

/** How many messages of a job have an end. */
export const settled = ({ counts }: JobView): number => counts.planned - counts.underWay - counts.notStarted;

/** How fast a job runs, from what it told in the last seconds. */
export class Pace {
	#samples: { at: number; settled: number }[] = [];

	note(job: JobView, nowMs: number): void {
		if (job.state !== "running") {
			this.#samples = [];
			return;
		}
		const sample = { at: nowMs, settled: settled(job) };
		const last = this.#samples.at(-1);
		if (last && sample.settled < last.settled) this.#samples = [];
		const kept = this.#samples.filter(({ at }) => nowMs - at <= WINDOW_MS);
		this.#samples = [...kept, sample];
	}

	/** Messages that ended a second; `null`: not watched for long enough. */
	perSecond(nowMs: number): number | null {
		const [first, last] = [this.#samples[0], this.#samples.at(-1)];
		if (!first || !last || last.at - first.at < LEAST_MS || nowMs - last.at > SILENCE_MS) return null;
		return ((last.settled - first.settled) * 1000) / (last.at - first.at);
	}

	/** How long the rest takes at that pace; `null`: that cannot be said. */
	leftMs(job: JobView, nowMs: number): number | null {
		const perSecond = this.perSecond(nowMs);
		if (!perSecond || job.state !== "running") return null;
		return (job.counts.underWay * 1000) / perSecond;
	}
}
