import { IpcError } from "../error";
import type {
	CheckStep,
	ExchangeAsk,
	Fault,
	Follow,
	GuardView,
	MessageRow,
	Port,
	QueueAsk,
	QueueFilter,
	QueueRow,
	ViewAsk,
} from "../port";
import { lookCost } from "./deeds";
import { draftCalls } from "./drafts";
import { editCalls } from "./edits";
import { deadLetterCalls } from "./groups";
import { jobCalls } from "./jobs";
import { bodyView, type FakeMessage, messageView } from "./messages";
import { bindingsOf, queueView } from "./queues";
import { snapshotCalls } from "./snapshots";
import { sorted } from "./sorted";
import { type FakeOptions, fail, now, World } from "./world";

const WRITES_MS = 15 * 60 * 1000;
const STEP_MS = 120;
const PEEK_BATCH = 50;

/** A door to a world that exists only in memory. */
export interface FakePort extends Port {
	/** Every call of that name fails so, until `null` is given. */
	refuse(call: keyof Port, fault: Fault | null): void;
	/** What is behind the door, for tests. */
	world: World;
}

const wait = (ms: number) => new Promise<void>((done) => setTimeout(done, ms));

export function fakePort(options: FakeOptions = {}): FakePort {
	const world = new World(options);
	const port: Port = {
		...appCalls(world),
		...profileCalls(world),
		...connectionCalls(world),
		...lookCalls(world),
		...captureCalls(world),
		...snapshotCalls(world),
		...deadLetterCalls(world),
		...draftCalls(world),
		...editCalls(world),
		...jobCalls(world),
		...activityCalls(world),
	};
	const guarded = Object.fromEntries(
		Object.entries(port).map(([name, call]: [string, (...args: never[]) => Promise<unknown>]) => [
			name,
			async (...args: never[]) => {
				if (world.latencyMs > 0) await wait(world.latencyMs);
				const refusal = world.refusals.get(name);
				if (refusal) throw new IpcError(refusal);
				// As over the real door: nothing given is the world's own.
				const answer = await call(...args);
				return answer instanceof ArrayBuffer ? answer : structuredClone(answer);
			},
		]),
	) as unknown as Port;
	return {
		...guarded,
		world,
		refuse(call, fault) {
			if (fault) world.refusals.set(call, fault);
			else world.refusals.delete(call);
		},
	};
}

function appCalls(world: World) {
	return {
		appInfo: async () => world.info,
		watchApp: async (listener) => world.listen(listener),
		chooseSavePath: async (suggested) => `/Documents/ada/${suggested}`,
		chooseFile: async () => "/Documents/ada/ca.pem",
		keepOpen: async () => null,
		stopJobs: async () => {
			for (const job of world.jobs.values())
				if (job.state === "running" && !job.elsewhere) world.jobs.set(job.id, { ...job, state: "stopped" });
			return true;
		},
		closeWindow: async () => {
			world.closed = true;
			return null;
		},
		notifies: async () => world.notifies,
		setNotifies: async (on) => {
			world.notifies = on;
			return null;
		},
	} satisfies Partial<Port>;
}

function profileCalls(world: World) {
	const changed = () => world.tell({ kind: "profilesChanged" });
	return {
		listProfiles: async () => [...world.profiles.values()],
		saveProfile: async (draft, secret) => {
			const taken = [...world.profiles.values()].some(
				(one) => one.name === draft.name && one.id !== draft.id,
			);
			if (taken) fail("invalid", `there is a profile \`${draft.name}\` already`);
			const id = draft.id ?? world.random.id();
			const kept = world.profiles.get(id)?.secret ?? "none";
			const profile = { createdAt: now(), ...draft, id, secret: secret === null ? kept : ("kept" as const) };
			world.profiles.set(id, profile);
			changed();
			return { profile, secretNotKept: null };
		},
		removeProfile: async (profile) => {
			world.profiles.delete(profile);
			world.connections.delete(profile);
			changed();
			return null;
		},
		readUrl: async (_, url) => {
			if (!/^amqps?:\/\//.test(url)) fail("invalid", "could not read the address: write amqp:// or amqps://");
			const parsed = new URL(url.replace(/^amqp/, "http"));
			return {
				address: `${url.split("://")[0]}://${parsed.host}`,
				user: decodeURIComponent(parsed.username),
				vhost: decodeURIComponent(parsed.pathname.slice(1)) || "/",
			};
		},
		checkConnection: async (draft, _, onstep) => {
			const names = ["DNS and TCP", "TLS 1.3", "Login", "Virtual host", "Management API", "Permissions"];
			for (const name of names) {
				const step: CheckStep = { name, outcome: "running", detail: "", tookMs: null, remedy: null };
				onstep(step);
				await wait(STEP_MS);
				onstep(checked(name, draft.settings.management === "bad" ? "Management API" : null));
			}
		},
	} satisfies Partial<Port>;
}

function checked(name: string, failing: string | null): CheckStep {
	if (name === failing) {
		return {
			name,
			outcome: "failed",
			detail: "401 Not authorised",
			tookMs: 112,
			remedy: {
				words: "The user can log in but may not use the management API. It has no monitoring tag.",
				command: "rabbitmqctl set_user_tags queuescope monitoring",
			},
		};
	}
	const unknown = name === "Permissions";
	const detail = unknown ? "Found out when used: only administrators can read them" : "as expected";
	return { name, outcome: unknown ? "unknown" : "passed", detail, tookMs: unknown ? null : 38, remedy: null };
}

function connectionCalls(world: World) {
	return {
		openConnection: async (profile, secret) => {
			const { secret: state, name } = world.profile(profile);
			if (state === "askEachTime" && secret === null)
				fail("secretNeeded", `the password of \`${name}\` is needed`);
			world.change(profile, { state: { kind: "connecting" } });
			const connection = world.open(profile);
			world.note({ act: "openConnection", place: name, words: "opened", profile, profileName: name });
			return connection;
		},
		closeConnection: async (profile) => {
			world.change(profile, { state: { kind: "closed" } });
			return null;
		},
		listConnections: async () => [...world.connections.values()],
		refreshConnection: async (profile) => {
			world.pass(profile);
			return null;
		},
		setPaused: async (profile, paused) => {
			const { freshness } = world.connection(profile);
			world.change(profile, { freshness: { ...freshness, paused } });
			return null;
		},
		setWrites: async (profile, on) => {
			if (world.connection(profile).writes.kind === "open") return world.connection(profile);
			const until = new Date(Date.now() + WRITES_MS).toISOString();
			return world.change(profile, { writes: on ? { kind: "until", at: until } : { kind: "locked" } });
		},
		listQueues: async (profile, ask) => listQueues(world, profile, ask),
		showQueue: async (profile, queue) =>
			queueView(found(world, profile, queue), world.queues.get(profile) ?? []),
		listExchanges: async (profile, ask) => listExchanges(world, profile, ask),
		showExchange: async (profile, exchange) => {
			world.connection(profile);
			const row = world.exchanges.find((one) => one.name === exchange);
			if (!row) fail("notFound", `there is no exchange \`${exchange}\``);
			return {
				row,
				arguments: [],
				policies: [],
				bindings: bindingsOf(exchange, world.queues.get(profile) ?? []),
			};
		},
	} satisfies Partial<Port>;
}

const SWITCHES: Record<QueueFilter, (row: QueueRow) => boolean> = {
	deadLetterQueues: (row) => row.isDeadLetterQueue,
	noConsumers: (row) => row.consumers === 0 && !row.isDeadLetterQueue,
	growing: (row) => row.drain.kind === "growing",
	notEmpty: (row) => (row.ready ?? 0) > 0,
};

const QUEUE_KEYS: Record<QueueAsk["sort"], (row: QueueRow) => string | number | null> = {
	name: (row) => row.name,
	label: (row) => row.label,
	ready: (row) => row.ready,
	inFlight: (row) => row.inFlight,
	delayed: (row) => row.delayed,
	consumers: (row) => row.consumers,
	rateIn: (row) => row.rateIn,
	rateOut: (row) => row.rateOut,
	redelivered: (row) => row.rateRedeliver,
	bytes: (row) => row.bytes,
	drain: (row) => (row.drain.kind === "seconds" ? row.drain.seconds : Number.MAX_SAFE_INTEGER),
	oldest: (row) => row.oldestAt,
};

function listQueues(world: World, profile: string, ask: QueueAsk) {
	world.connection(profile);
	const all = world.queues.get(profile) ?? [];
	const named = all.filter((row) => row.name.toLowerCase().includes(ask.filter.toLowerCase()));
	const left = named.filter((row) => ask.only.every((only) => SWITCHES[only](row)));
	const rows = sorted(left, QUEUE_KEYS[ask.sort], ask.descending).slice(ask.from, ask.from + ask.n);
	const counts = Object.entries(SWITCHES).map(
		([name, keeps]) => [name, named.filter(keeps).length] as [QueueFilter, number],
	);
	return { total: all.length, shown: left.length, from: ask.from, rows, counts };
}

function listExchanges(world: World, profile: string, ask: ExchangeAsk) {
	world.connection(profile);
	const left = world.exchanges.filter(
		(row) =>
			row.name.includes(ask.filter) &&
			(ask.builtIn || !row.builtIn) &&
			(!ask.onlyUnbound || row.bindings === 0),
	);
	const keys: Record<ExchangeAsk["sort"], (row: (typeof left)[number]) => string | number | null> = {
		name: (row) => row.name,
		label: (row) => row.label,
		rateIn: (row) => row.rateIn,
		rateOut: (row) => row.rateOut,
		unroutable: (row) => row.rateUnroutable,
		bindings: (row) => row.bindings,
	};
	const rows = sorted(left, keys[ask.sort], ask.descending).slice(ask.from, ask.from + ask.n);
	return { total: world.exchanges.length, shown: left.length, from: ask.from, rows };
}

function found(world: World, profile: string, queue: string): QueueRow {
	world.connection(profile);
	const row = world.queues.get(profile)?.find((one) => one.name === queue);
	return row ?? fail("notFound", `could not show queue \`${queue}\`: it does not exist`);
}

function lookCalls(world: World) {
	const guard = (queue: string): GuardView =>
		world.guards.get(queue) ?? {
			plan: {
				queue,
				words: `A policy sets delivery-limit to -1 for ${queue}.`,
				command: `rabbitmqctl set_policy queuescope-guard '^${queue}$' '{"delivery-limit":-1}' --apply-to queues`,
				allowed: true,
				useless: null,
				note: "queuescope-guard",
			},
			appliedAt: null,
		};
	return {
		offerLook: async (profile, queue, n) => {
			const row = found(world, profile, queue);
			const cost = lookCost(queue, n);
			const safe = guard(queue).appliedAt !== null;
			return {
				cost: safe ? { ...cost, refusal: null } : cost,
				ready: row.ready,
				guard: cost.refusal ? guard(queue) : null,
			};
		},
		peekQueue: async (profile, queue, n, accepted, follow: Follow = {}) => {
			const row = found(world, profile, queue);
			const cost = lookCost(queue, n);
			if (cost.refusal && accepted?.refusal?.code !== cost.refusal.code && guard(queue).appliedAt === null) {
				fail("costRefused", `could not peek \`${queue}\`: ${cost.refusal.why}`);
			}
			const of = Math.min(n, row.ready ?? n);
			let read = 0;
			while (read < of && !follow.signal?.aborted) {
				read = Math.min(of, read + PEEK_BATCH);
				follow.onprogress?.({ read, of });
				await wait(world.latencyMs);
			}
			const capture = world.addCapture(world.profile(profile), queue, read);
			world.note({
				act: "peek",
				place: queue,
				words: "put back, in order",
				messages: read,
				capture: capture.view.id,
			});
			return {
				capture: capture.view.id,
				read,
				of: row.ready,
				queue,
				heldMs: 812,
				putBack: true,
				words: "put back, in order; each used one delivery",
				stopped: read < of ? "stopped on request" : null,
			};
		},
		showGuard: async (_, queue) => guard(queue),
		applyGuard: async (_, queue) => {
			world.guards.set(queue, { ...guard(queue), appliedAt: now() });
			return guard(queue);
		},
		takeBackGuard: async (_, queue) => {
			world.guards.delete(queue);
			return null;
		},
	} satisfies Partial<Port>;
}

function captureCalls(world: World) {
	const views = new Map<string, { capture: string; rows: FakeMessage[] }>();
	const viewed = (view: string) => views.get(view) ?? fail("notFound", "the view is closed");
	const messageOf = (capture: string, n: number) =>
		world.capture(capture).messages[n - 1] ?? fail("notFound", `there is no message \`${n}\``);
	return {
		listCaptures: async (profile) => {
			const all = [...world.captures.values()].map((capture) => capture.view);
			return all.filter((view) => profile === null || view.profile === profile).toReversed();
		},
		keepSnapshot: async (capture, name, note) => {
			const kept = world.capture(capture);
			kept.view = { ...kept.view, name, note };
			world.tell({ kind: "capturesChanged" });
			return kept.view;
		},
		removeCapture: async (capture) => {
			const { heldBy } = world.capture(capture).view;
			if (heldBy) fail("other", `could not remove the capture: ${heldBy}`);
			world.captures.delete(capture);
			world.tell({ kind: "capturesChanged" });
			return null;
		},
		openView: async (ask) => {
			const { view, messages } = world.capture(ask.capture);
			const rows = viewRows(messages, ask);
			const id = world.random.id();
			views.set(id, { capture: ask.capture, rows });
			return { view: id, capture: view, shown: rows.length };
		},
		pageView: async (view, from, n) => {
			const { rows } = viewed(view);
			return { shown: rows.length, from, rows: rows.slice(from, from + n).map((message) => message.row) };
		},
		closeView: async (view) => {
			views.delete(view);
			return null;
		},
		showMessage: async (capture, n) => messageView(messageOf(capture, n)),
		showBody: async (capture, n) => bodyView(messageOf(capture, n)),
		readBody: async (capture, n, from, len) => messageOf(capture, n).body.buffer.slice(from, from + len),
		saveBody: async (capture, n, path) => ({ path, messages: 1, bytes: messageOf(capture, n).body.length }),
		exportView: async (view, numbers, _, path, follow: Follow = {}) => {
			const { rows } = viewed(view);
			const chosen = numbers === null ? rows : rows.filter((message) => numbers.includes(message.row.n));
			follow.onprogress?.({ read: chosen.length, of: chosen.length });
			const bytes = chosen.reduce((sum, message) => sum + message.body.length, 0);
			world.note({ act: "export", place: path, words: "exported", messages: chosen.length });
			return { path, messages: chosen.length, bytes };
		},
	} satisfies Partial<Port>;
}

const MESSAGE_KEYS: Record<ViewAsk["sort"], (row: MessageRow) => string | number | null> = {
	position: (row) => row.n,
	messageId: (row) => row.messageId,
	routingKey: (row) => row.routingKey,
	size: (row) => row.size,
	deliveries: (row) => row.deliveryCount,
	published: (row) => row.publishedAt,
	died: (row) => row.diedAt,
	reason: (row) => row.reason,
};

function viewRows(messages: FakeMessage[], ask: ViewAsk): FakeMessage[] {
	const words = ask.filter.toLowerCase().split(" ").filter(Boolean);
	const left = messages.filter(({ row }) => {
		const text = `${row.preview} ${row.routingKey} ${row.messageId ?? ""} ${row.reason ?? ""}`.toLowerCase();
		return words.every((word) => text.includes(word));
	});
	return sorted(left, (message) => MESSAGE_KEYS[ask.sort](message.row), ask.descending);
}

function activityCalls(world: World) {
	return {
		listActivity: async (ask) => {
			const left = world.activity.filter(
				(row) =>
					`${row.place} ${row.words} ${row.act}`.toLowerCase().includes(ask.filter.toLowerCase()) &&
					(ask.profile === null || row.profile === ask.profile) &&
					(!ask.onlyOpen || row.outcome === "inDoubt"),
			);
			return { total: left.length, from: ask.from, rows: left.slice(ask.from, ask.from + ask.n) };
		},
	} satisfies Partial<Port>;
}
