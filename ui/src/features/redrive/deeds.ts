import type {
	Deed,
	DeedAsk,
	DraftRevision,
	DraftSource,
	Edit,
	JobCounts,
	MessageState,
	Selection,
	Sending,
	TargetChoice,
} from "../../ipc/port";
import { count, counted } from "../../kit/format";

/** Messages to be sent; the dialog asks the rest. What is redriven goes to the queue it failed in. */
export function sendingOf(
	deed: Sending,
	from: Selection,
	edit: Edit | null = null,
): Extract<DeedAsk, { kind: "send" }> {
	return {
		kind: "send",
		deed,
		from,
		to: deed === "redrive" ? { kind: "failedIn" } : { kind: "place", target: { kind: "queue", queue: "" } },
		options: {
			keepOrigin: false,
			unmarked: false,
			toProfile: null,
			perSecond: null,
			canary: null,
			edit,
			instead: null,
		},
	};
}

/** One message, and what is sent instead of it. */
export function editedOf(source: DraftSource, to: TargetChoice, instead: DraftRevision): DeedAsk {
	const from = { kind: "chosen" as const, capture: source.capture, messages: [source.n] };
	const { options, ...ask } = sendingOf("redrive", from);
	return { ...ask, to, options: { ...options, instead } };
}

/** Chosen messages, each to the queue it failed in. */
export const redriveOf = (capture: string, messages: number[], edit: Edit | null = null): DeedAsk =>
	sendingOf("redrive", { kind: "chosen", capture, messages }, edit);

/** The button that starts it: verb, count, object. */
export function startWords(deed: Deed, n: number): string {
	switch (deed) {
		case "redrive":
			return `Redrive ${counted(n, "message")}`;
		case "move":
			return `Move ${counted(n, "message")}`;
		case "copy":
			return `Copy ${counted(n, "message")}`;
		case "replay":
			return `Replay ${counted(n, "message")}`;
		case "discard":
			return `Discard ${counted(n, "message")}`;
		case "purge":
			return `Purge ${counted(n, "message")}`;
		case "undo":
			return `Put ${counted(n, "message")} back`;
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

/** The same where a few are sent first. */
export const canaryWords = (n: number): string => `Send canary of ${count(n)}`;

/** What a job is called in a list. */
export const DEED_NAMES: Record<Deed, string> = {
	redrive: "Redrive",
	move: "Move",
	copy: "Copy",
	replay: "Replay",
	discard: "Discard",
	purge: "Purge",
	undo: "Undo",
	sendCopy: "Send copies",
	take: "Take",
	carefulLook: "Careful look",
	discardCopies: "Discard copies",
};

/** What happens to each message, in order. */
export const STEPS: Record<Deed, string[]> = {
	redrive: ["copied to this computer", "published", "confirmed by the broker", "removed from the queue"],
	move: ["copied to this computer", "published", "confirmed by the broker", "removed from the queue"],
	copy: ["copied to this computer", "published", "confirmed by the broker", "given back to its queue"],
	replay: ["published from the copy here", "confirmed by the broker", "the copy is kept"],
	discard: ["copied to this computer", "removed from the queue", "the copy is kept for a while"],
	purge: ["destroyed by the broker, without a copy"],
	undo: ["published from the copy here", "confirmed by the broker", "the copy is kept"],
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
	const add = (tone: Tone, n: number) => sums.set(tone, (sums.get(tone) ?? 0) + n);
	for (const { state, tone } of ENDINGS) add(tone, counts[state]);
	// What came back is a part of what was done.
	add("ok", -counts.bounced);
	add("warn", counts.bounced);
	sums.delete("skip");
	return [...sums].filter(([, n]) => n > 0).map(([tone, n]) => ({ tone, n }));
}
