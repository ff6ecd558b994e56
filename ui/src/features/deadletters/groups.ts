import type { DeedAsk, Edit, FailureGroup, GroupBy, GroupMembers } from "../../ipc/port";
import type { Sort } from "../../kit/columns";
import { redriveOf } from "../redrive/deeds";

/** What stays the same when messages are read again. */
export const idOf = (group: FailureGroup): string =>
	JSON.stringify([
		group.title,
		group.exception,
		group.detail.map((part) => (part.kind === "text" ? part.text : part.what)),
	]);

type Key = (group: FailureGroup) => string | number;

const KEYS: Record<string, Key> = {
	failure: (group) => group.title.toLowerCase(),
	source: (group) => group.sources[0] ?? "",
	reason: (group) => group.reasons[0] ?? "",
	count: (group) => group.count,
	first: (group) => (group.firstSeen ? Date.parse(group.firstSeen) : 0),
	last: (group) => (group.lastSeen ? Date.parse(group.lastSeen) : 0),
};

/** The order of two groups; those that are alike keep theirs, which is the larger first. */
export function compareGroups({ column, descending }: Sort): (a: FailureGroup, b: FailureGroup) => number {
	const key = KEYS[column] ?? ((group: FailureGroup) => group.count);
	const sign = descending ? -1 : 1;
	return (a, b) => {
		const [one, other] = [key(a), key(b)];
		if (one === other) return b.count - a.count;
		return one < other ? -sign : sign;
	};
}

/** What the user can group by. */
export const GROUPINGS: { value: GroupBy["kind"]; label: string }[] = [
	{ value: "exceptionAndMessage", label: "exception and message" },
	{ value: "sourceQueue", label: "source queue" },
	{ value: "reason", label: "reason" },
	{ value: "contentType", label: "content type" },
	{ value: "header", label: "a header" },
	{ value: "jsonPath", label: "a JSON path" },
];

/** The part of a group, or of what is chosen of it, that lies in one queue: a set that does not change any more. */
export interface Part {
	queue: string;
	capture: string;
	messages: number[];
}

/** All of them, or those that are chosen, by queue. */
export function partsOf(members: GroupMembers[], chosen: ReadonlySet<string>): Part[] {
	const wanted = (one: GroupMembers) =>
		chosen.size === 0 ? one.messages : one.messages.filter((n) => chosen.has(`${one.capture}:${n}`));
	return members
		.map((one) => ({ queue: one.queue, capture: one.capture, messages: wanted(one) }))
		.filter(({ messages }) => messages.length > 0);
}

/** What is planned for each part. */
type Verb = { kind: "redrive"; edit: Edit | null } | { kind: "discard" };

/** An ask for each queue; there is at least one. */
export type Asks = [DeedAsk, ...DeedAsk[]];

/** One for each part; `null`: there is none. */
export function asksOf(verb: Verb, parts: Part[]): Asks | null {
	const [first, ...others] = parts.map((part) => askOf(verb, part));
	return first ? [first, ...others] : null;
}

function askOf(verb: Verb, { capture, messages }: Part): DeedAsk {
	if (verb.kind === "redrive") return redriveOf(capture, messages, verb.edit);
	return { kind: "discard", from: { kind: "chosen", capture, messages } };
}
