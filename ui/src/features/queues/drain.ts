import type { Drain } from "../../ipc/port";
import { duration, roughDuration, UNKNOWN } from "../../kit/format";

export interface DrainWords {
	text: string;
	/** Why it is worth looking at. */
	tone: "plain" | "quiet" | "warn" | "crit";
}

/** How long until a queue is empty, or the word for why that cannot be said. */
export function drainWords(drain: Drain): DrainWords {
	switch (drain.kind) {
		case "seconds":
			return {
				text: drain.seconds < 60 ? duration(drain.seconds * 1000) : roughDuration(drain.seconds * 1000),
				tone: "plain",
			};
		case "empty":
			return { text: "Empty", tone: "quiet" };
		case "steady":
			return { text: "Steady", tone: "quiet" };
		case "growing":
			return { text: "Growing", tone: "warn" };
		case "noConsumers":
			return { text: "No consumers", tone: "warn" };
		case "stuck":
			return { text: "Stuck", tone: "crit" };
		case "deadLetterQueue":
			return { text: "DLQ", tone: "quiet" };
		case "unknown":
			return { text: UNKNOWN, tone: "quiet" };
	}
}
