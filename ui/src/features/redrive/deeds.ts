import type { Deed, JobCounts, MessageState } from "../../ipc/port";
import { counted } from "../../kit/format";

/** The button that starts it: verb, count, object. */
export function startWords(deed: Deed, n: number): string {
	switch (deed) {
		case "redrive":
			return `Redrive ${counted(n, "message")}`;
		case "sendCopy":
			return `Send ${counted(n, "copy", "copies")}`;
		case "take":
			return `Take ${counted(n, "message")}`;
		case "carefulLook":
			return `Look at ${counted(n, "message")}`;
		case "discardCopies":
			return `Discard ${counted(n, "copy", "copies")}`;
	}
}

/** What a job is called in a list. */
export const DEED_NAMES: Record<Deed, string> = {
	redrive: "Redrive",
	sendCopy: "Send copies",
	take: "Take",
	carefulLook: "Careful look",
	discardCopies: "Discard copies",
};

/** What happens to each message, in order. */
export const STEPS: Record<Deed, string[]> = {
	redrive: ["copied to this computer", "published", "confirmed by the broker", "removed from the queue"],
	sendCopy: ["published from the copy here", "confirmed by the broker", "the copy is kept"],
	take: ["copied to this computer", "removed from the queue"],
	carefulLook: ["held", "copied to this computer", "given back, or published again to the same queue"],
	discardCopies: ["removed from this computer"],
};

type Tone = "run" | "ok" | "warn" | "crit" | "skip" | "doubt";

interface Part {
	state: Exclude<MessageState, "planned" | "copied" | "publishing" | "published" | "removing">;
	label: string;
	note: string;
	tone: Tone;
}

/** How messages of a job can have ended. */
export const ENDINGS: Part[] = [
	{ state: "done", label: "Done", note: "confirmed and settled", tone: "ok" },
	{ state: "inDoubt", label: "In doubt", note: "sent, no answer seen", tone: "doubt" },
	{ state: "leftBehind", label: "Left behind", note: "sent; the original is still there", tone: "warn" },
	{ state: "onlyOurCopy", label: "Only our copy", note: "left the queue, not sent", tone: "warn" },
	{ state: "unroutable", label: "Unroutable", note: "returned by the broker, put back", tone: "crit" },
	{ state: "refused", label: "Refused", note: "the broker refused, put back", tone: "crit" },
	{ state: "failed", label: "Failed", note: "not sent, put back", tone: "crit" },
	{ state: "gone", label: "Gone", note: "somebody else took it", tone: "skip" },
	{ state: "skipped", label: "Skipped", note: "left where it is", tone: "skip" },
	{ state: "notStarted", label: "Not started", note: "left where it is", tone: "skip" },
];

export const endingOf = (state: MessageState): Part | undefined =>
	ENDINGS.find((part) => part.state === state);

/** The parts of a bar, in the order in which they are drawn. */
export function barParts(counts: JobCounts): { n: number; tone: Tone }[] {
	const sums = new Map<Tone, number>();
	for (const { state, tone } of ENDINGS) sums.set(tone, (sums.get(tone) ?? 0) + counts[state]);
	sums.delete("skip");
	return [...sums].filter(([, n]) => n > 0).map(([tone, n]) => ({ tone, n }));
}
