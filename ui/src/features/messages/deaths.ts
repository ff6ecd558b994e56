import type { Death, DeathReason, MessageView } from "../../ipc/port";

const REASONS: Record<Exclude<DeathReason, { other: string }>, string> = {
	rejected: "rejected",
	expired: "expired",
	maxLength: "queue was full",
	deliveryLimit: "delivery limit",
};

export function reasonWords(reason: DeathReason): string {
	return typeof reason === "string" ? REASONS[reason] : reason.other;
}

/** One point of a message's life. */
export interface Step {
	kind: "published" | "died" | "now";
	/** Queue or publisher. */
	place: string;
	word: string;
	count: number;
	at: string | null;
	exchange: string | null;
	keys: string[];
	/** An expiry is how retry loops work; anything else is a failure. */
	failure: boolean;
}

/** Its life, oldest first; what has no time keeps its place behind the ones before it. */
export function steps(message: MessageView, queue: string): Step[] {
	const { row, deaths } = message;
	const oldest = deaths.toReversed();
	const timed = oldest.every((death) => death.at !== null);
	const inOrder = timed ? oldest.toSorted((a, b) => Date.parse(a.at ?? "") - Date.parse(b.at ?? "")) : oldest;
	return [...publishedStep(message), ...inOrder.map(diedStep), nowStep(row.fate, queue)];
}

/** Whether the broker counted several deaths in one entry: their order is then inferred. */
export function loops(deaths: Death[]): number {
	return Math.max(0, ...deaths.map((death) => death.count));
}

function publishedStep({ row, deaths }: MessageView): Step[] {
	if (!row.publishedAt) return [];
	const first = deaths.at(-1);
	return [
		{
			kind: "published",
			place: "Publisher",
			word: "published",
			count: 1,
			at: row.publishedAt,
			exchange: first ? first.exchange : row.exchange,
			keys: first ? first.routingKeys : [row.routingKey],
			failure: false,
		},
	];
}

function diedStep(death: Death): Step {
	return {
		kind: "died",
		place: death.queue,
		word: reasonWords(death.reason),
		count: death.count,
		at: death.at,
		exchange: death.exchange,
		keys: death.routingKeys,
		failure: death.reason !== "expired",
	};
}

function nowStep(fate: MessageView["row"]["fate"], queue: string): Step {
	const step = { kind: "now" as const, count: 1, at: null, exchange: null, keys: [], failure: false };
	switch (fate.kind) {
		case "inQueue":
			return { ...step, place: queue, word: "was here when read" };
		case "onlyHere":
			return { ...step, place: "This computer", word: "only here" };
		case "job":
			return { ...step, place: queue, word: fate.words };
	}
}
