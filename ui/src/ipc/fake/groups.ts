import type {
	DeadLetterQueue,
	FailureGroup,
	GroupAsk,
	GroupBy,
	GroupColumn,
	GroupRow,
	Part,
	Port,
} from "../port";
import { lookCost } from "./deeds";
import { type FakeMessage, failureOf } from "./messages";
import { sorted } from "./sorted";
import { type FakeCapture, fail, type World } from "./world";

const LOOK_AT = 200;
const HOURS = 24;
const HOUR_MS = 3_600_000;

/** A message and the capture it is in. */
interface Member {
	capture: FakeCapture;
	message: FakeMessage;
}

/** What the dead-letter inbox asks. */
export function deadLetterCalls(world: World) {
	const groupings = new Map<string, Member[][]>();
	const members = (grouping: string, group: number) =>
		groupings.get(grouping)?.[group] ?? fail("notFound", `there is no open grouping \`${grouping}\``);
	return {
		listDeadLetters: async (profile) => {
			const { deadLetters, missing } = world.connection(profile);
			const dead = (world.queues.get(profile) ?? []).filter((row) => row.isDeadLetterQueue);
			const queues = sorted(dead, (row) => row.ready, true).map((row) =>
				inboxQueue(world, profile, row.name),
			);
			return { queues, ready: deadLetters, missing };
		},
		groupFailures: async (ask, follow = {}) => {
			const captures = ask.captures.flatMap((id) => world.captures.get(id) ?? []);
			const found = grouped(captures, ask);
			const id = world.random.id();
			groupings.set(
				id,
				found.map((group) => group.members),
			);
			const messages = found.reduce((sum, group) => sum + group.members.length, 0);
			follow.onprogress?.({ read: messages, of: messages });
			return {
				id,
				groups: found.map((group, at) => groupView(group, at)),
				messages,
				tookMs: 12,
				unread: ask.captures
					.filter((capture) => !world.captures.has(capture))
					.map((capture) => ({ capture, queue: null, why: "the capture is gone" })),
			};
		},
		pageGroup: async ({ grouping, group, sort, descending, from, n }) => {
			const all = sorted(members(grouping, group).map(groupRow), COLUMNS[sort], descending);
			return { total: all.length, from, rows: all.slice(from, from + n) };
		},
		groupMembers: async (grouping, group) => {
			const all = members(grouping, group);
			const captures = [...new Set(all.map((member) => member.capture))];
			return captures.map((capture) => ({
				capture: capture.view.id,
				profile: capture.view.profile,
				queue: capture.view.queue,
				messages: all.filter((one) => one.capture === capture).map((one) => one.message.row.n),
			}));
		},
		closeGrouping: async (grouping) => {
			groupings.delete(grouping);
			return null;
		},
	} satisfies Partial<Port>;
}

function inboxQueue(world: World, profile: string, name: string): DeadLetterQueue {
	const queues = world.queues.get(profile) ?? [];
	const row = queues.find((one) => one.name === name) ?? fail("notFound", `there is no queue \`${name}\``);
	const looks = [...world.captures.values()].filter(
		({ view }) =>
			view.profile === profile &&
			view.queue === name &&
			["peek", "carefulLook", "take"].includes(view.source),
	);
	const sources = queues.filter((other) => !other.isDeadLetterQueue).slice(4, 7);
	return {
		name,
		label: row.label,
		ready: row.ready,
		consumers: row.consumers,
		fedBy: sources.map((source) => source.name),
		capture: looks.at(-1)?.view ?? null,
		look: lookCost(name, LOOK_AT),
	};
}

interface Gathered {
	title: string;
	detail: Part[];
	members: Member[];
}

function grouped(captures: FakeCapture[], { by, filter, since }: GroupAsk): Gathered[] {
	const words = filter.toLowerCase().split(" ").filter(Boolean);
	const groups = new Map<string, Gathered>();
	for (const capture of captures) {
		for (const message of capture.messages) {
			const { preview, diedAt } = message.row;
			if (!words.every((word) => preview.toLowerCase().includes(word))) continue;
			if (since !== null && diedAt !== null && Date.parse(diedAt) < Date.parse(since)) continue;
			const [title, said] = cause(message, by);
			const key = `${title} ${said.replace(/\d+/g, "{n}")}`;
			const group = groups.get(key) ?? { title, detail: parts(said), members: [] };
			group.members.push({ capture, message });
			groups.set(key, group);
		}
	}
	const all = [...groups.values()];
	for (const group of all) group.members = sorted(group.members, (one) => one.message.row.diedAt, false);
	return sorted(all, (group) => group.members.length, true);
}

/** A title, and what is said below it. */
function cause(message: FakeMessage, by: GroupBy): [string, string] {
	switch (by.kind) {
		case "exceptionAndMessage": {
			if (message.diedIn === null) return ["No exception header", "Nothing says why it is here"];
			const { exception, message: said } = failureOf(message);
			return [exception?.split(".").at(-1) ?? "", said ?? ""];
		}
		case "sourceQueue":
			return [message.diedIn ?? "Source not known", ""];
		case "reason":
			return [message.row.reason ?? "No reason known", ""];
		case "contentType":
			return [message.contentType ?? "No content type", ""];
		case "header":
			return [by.name === "tenant" ? "eu-1" : `No header ${by.name}`, ""];
		case "jsonPath":
			return [`No value at ${by.path}`, ""];
	}
}

function parts(said: string): Part[] {
	return said
		.split(/(\d+)/)
		.filter((piece) => piece !== "")
		.map((piece) =>
			/\d/.test(piece) ? { kind: "hole", what: "n", value: piece } : { kind: "text", text: piece },
		);
}

function groupView({ title, detail, members }: Gathered, at: number): FailureGroup {
	const known = members.flatMap(({ message }) => message.row.diedAt ?? []);
	const first = members[0] ?? fail("other", "a group has messages");
	const distinct = (values: (string | null)[]) => [...new Set(values)].filter((value) => value !== null);
	const trend = Array.from({ length: HOURS }, () => 0);
	for (const died of known) {
		const hour = HOURS - 1 - Math.floor((Date.now() - Date.parse(died)) / HOUR_MS);
		if (trend[hour] !== undefined) trend[hour] += 1;
	}
	const { exception, by } = failureOf(first.message);
	const explained = first.message.diedIn !== null;
	return {
		group: at,
		title,
		exception: explained ? exception : null,
		by: explained ? by : null,
		detail,
		sources: distinct(members.map(({ message }) => message.diedIn)),
		reasons: distinct(members.map(({ message }) => message.row.reason)),
		count: members.length,
		firstSeen: known[0] ?? null,
		lastSeen: known.at(-1) ?? null,
		trend,
		note: null,
		sample: { capture: first.capture.view.id, n: first.message.row.n },
	};
}

function groupRow({ capture, message }: Member): GroupRow {
	const { row } = message;
	return { capture: capture.view.id, queue: capture.view.queue, deaths: 1, diedAt: row.diedAt, row };
}

const COLUMNS: Record<GroupColumn, (row: GroupRow) => string | number | null> = {
	died: (row) => row.diedAt,
	liesIn: (row) => row.queue,
	deaths: (row) => row.deaths,
	size: (row) => row.row.size,
};
