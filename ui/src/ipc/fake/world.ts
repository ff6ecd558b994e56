import { IpcError } from "../error";
import type {
	ActivityRow,
	AppEvent,
	AppInfo,
	AtRest,
	CaptureView,
	ConnectionView,
	ExchangeRow,
	Fault,
	FaultCode,
	GuardView,
	JobCounts,
	JobView,
	KeepLimits,
	PlanChange,
	Profile,
	ProfileId,
	QueueRow,
	SavedPlan,
} from "../port";
import { forms } from "./forms";
import { type FakeMessage, fakeMessages } from "./messages";
import { fakeExchanges, fakeQueues, lived } from "./queues";
import { Random } from "./random";

export interface FakeOptions {
	/** The same seed gives the same world. */
	seed?: number;
	/** Queues of each connection. */
	queues?: number;
	/** How long each answer takes. */
	latencyMs?: number;
	/** No profiles at all: the first start. */
	empty?: boolean;
}

export interface FakeCapture {
	view: CaptureView;
	messages: FakeMessage[];
}

const TICK_MS = 5000;

const NO_MESSAGES: JobCounts = {
	planned: 0,
	done: 0,
	leftBehind: 0,
	unroutable: 0,
	refused: 0,
	failed: 0,
	inDoubt: 0,
	gone: 0,
	skipped: 0,
	notStarted: 0,
	onlyOurCopy: 0,
	underWay: 0,
	bounced: 0,
};

/** Everything that the fake door remembers. */
export class World {
	readonly random: Random;
	readonly latencyMs: number;
	readonly info: AppInfo = {
		version: "0.1.0",
		dataDir: "/Documents/ada/queuescope",
		exportDir: "/Documents/ada",
		kinds: forms(),
	};
	readonly profiles = new Map<ProfileId, Profile>();
	readonly connections = new Map<ProfileId, ConnectionView>();
	readonly queues = new Map<ProfileId, QueueRow[]>();
	readonly exchanges: ExchangeRow[] = fakeExchanges();
	readonly captures = new Map<string, FakeCapture>();
	readonly plans = new Map<string, { saved: SavedPlan; act: () => void }>();
	/** What is said of a plan that is reopened. */
	readonly changes: PlanChange[] = [];
	readonly jobs = new Map<string, JobView>();
	/** The window was closed. */
	closed = false;
	notifies = true;
	readonly guards = new Map<string, GuardView>();
	readonly activity: ActivityRow[] = [];
	limits: KeepLimits = { days: 30, bytes: 2 * 1024 ** 3 };
	readonly atRest = new Map<ProfileId, AtRest>();
	readonly refusals = new Map<string, Fault>();
	#listeners = new Set<(event: AppEvent) => void>();
	#queuesEach: number;

	constructor({ seed = 7, queues = 48, latencyMs = 0, empty = false }: FakeOptions) {
		this.random = new Random(seed);
		this.latencyMs = latencyMs;
		this.#queuesEach = queues;
		if (!empty) this.#populate();
	}

	tell(event: AppEvent): void {
		for (const listener of this.#listeners) listener(event);
	}

	listen(listener: (event: AppEvent) => void): void {
		if (this.#listeners.size === 0 && typeof window !== "undefined") setInterval(() => this.#tick(), TICK_MS);
		this.#listeners.add(listener);
	}

	profile(id: ProfileId): Profile {
		return this.profiles.get(id) ?? fail("notFound", `there is no profile \`${id}\``);
	}

	connection(id: ProfileId): ConnectionView {
		const connection = this.connections.get(id);
		if (connection?.state.kind === "open") return connection;
		return fail("notOpen", `the connection \`${this.profile(id).name}\` is not open`);
	}

	change(id: ProfileId, change: Partial<ConnectionView>): ConnectionView {
		const before = this.connections.get(id) ?? closed(id);
		const connection = { ...before, ...change };
		this.connections.set(id, connection);
		this.tell({ kind: "connectionChanged", connection });
		return connection;
	}

	open(id: ProfileId): ConnectionView {
		const profile = this.profile(id);
		const queues = this.queues.get(id) ?? fakeQueues(this.random, this.#queuesEach);
		this.queues.set(id, queues);
		return this.change(id, {
			state: { kind: "open", health: { kind: "live" } },
			product: profile.kind === "sandbox" ? "Sandbox" : "RabbitMQ",
			version: profile.kind === "sandbox" ? "" : "4.1.4",
			place: profile.kind === "sandbox" ? "" : `vhost ${profile.settings.vhost ?? "/"}`,
			user: "queuescope",
			endpoints: profile.kind === "sandbox" ? ["in this program"] : ["amqps 5671", "management 15671"],
			writes: profile.readOnly ? { kind: "locked" } : { kind: "open" },
			freshness: { measuredAt: now(), ageMsMax: 5000, tookMs: 38, failing: null, paused: false },
			queues: queues.length,
			exchanges: this.exchanges.length,
			deadLetters: sum(queues.filter((queue) => queue.isDeadLetterQueue)),
			generation: 1,
		});
	}

	/** Time passes: once for every set of numbers. */
	pass(id: ProfileId): void {
		const before = this.connections.get(id);
		const queues = this.queues.get(id)?.map((queue) => lived(this.random, queue));
		if (before?.state.kind !== "open" || before.freshness.paused || !queues) return;
		this.queues.set(id, queues);
		this.change(id, {
			freshness: { ...before.freshness, measuredAt: now() },
			deadLetters: sum(queues.filter((queue) => queue.isDeadLetterQueue)),
			generation: before.generation + 1,
		});
	}

	capture(id: string): FakeCapture {
		return this.captures.get(id) ?? fail("notFound", `there is no capture \`${id}\``);
	}

	addCapture(profile: Profile, queue: string, n: number, change: Partial<CaptureView> = {}): FakeCapture {
		const ready = this.queues.get(profile.id)?.find((row) => row.name === queue)?.ready ?? null;
		const messages = fakeMessages(this.random, queue, Math.min(n, ready ?? n));
		const view: CaptureView = {
			id: this.random.id(),
			name: null,
			note: "",
			source: "peek",
			profile: profile.id,
			profileName: profile.name,
			queue,
			madeAt: now(),
			messages: messages.length,
			of: ready,
			bytes: messages.reduce((bytes, message) => bytes + message.body.length, 0),
			outcome: "put back, in order",
			encrypted: this.atRest.get(profile.id) === "encrypted",
			heldBy: null,
			cutShort: false,
			kept: change.name == null ? { kind: "whileThereIsRoom" } : { kind: "always" },
			...change,
		};
		const capture = { view, messages };
		this.captures.set(view.id, capture);
		this.tell({ kind: "capturesChanged" });
		return capture;
	}

	/** A job of that connection, as if somebody had started it. */
	addJob(
		profile: Profile,
		change: Partial<Omit<JobView, "counts">> & { counts?: Partial<JobCounts> } = {},
	): JobView {
		const counts = { ...NO_MESSAGES, ...change.counts };
		counts.planned = Object.values({ ...counts, planned: 0, bounced: 0 }).reduce((sum, n) => sum + n, 0);
		const job: JobView = {
			id: this.random.id(),
			number: this.jobs.size + 1,
			deed: "redrive",
			state: "finished",
			profile: profile.id,
			profileName: profile.name,
			queue: "orders.payments.dlq",
			target: "orders.payment-capture",
			toProfile: null,
			elsewhere: false,
			typed: null,
			by: "ada, in the window",
			perSecond: null,
			canary: null,
			watchS: null,
			startedAt: now(),
			endedAt: now(),
			outcome: "",
			fault: null,
			capture: null,
			watchingUntil: null,
			rows: [],
			...change,
			counts,
		};
		this.jobs.set(job.id, job);
		this.tell({ kind: "jobChanged", job: job.id });
		return job;
	}

	note(row: Pick<ActivityRow, "act" | "place" | "words"> & Partial<ActivityRow>): void {
		this.activity.unshift({
			id: this.random.id(),
			at: now(),
			profile: null,
			profileName: "",
			messages: null,
			outcome: "done",
			by: "ada, in the window",
			brokerUser: "queuescope",
			confirmed: "by a click",
			job: null,
			capture: null,
			...row,
		});
		this.tell({ kind: "activityChanged" });
	}

	#tick(): void {
		for (const id of this.connections.keys()) this.pass(id);
	}

	#populate(): void {
		const add = (name: string, environment: Profile["environment"], kind = "rabbitmq") => {
			const profile: Profile = {
				id: this.random.id(),
				name,
				kind,
				environment,
				readOnly: environment === "production" || environment === "staging",
				settings: kind === "sandbox" ? {} : { address: `amqps://mq.${name}.internal:5671`, vhost: "/orders" },
				secret: kind === "sandbox" ? "none" : "kept",
				createdAt: "2026-11-01T09:00:00Z",
			};
			this.profiles.set(profile.id, profile);
			return profile;
		};
		const prod = add("orders-prod", "production");
		add("orders-staging", "staging");
		add("localhost:5672", "development");
		add("Sandbox", "sandbox", "sandbox");
		this.open(prod.id);
		const madeAt = new Date(Date.now() - 86_400_000).toISOString();
		const kept = { name: "before the gateway fix", note: "for ticket 4711", madeAt };
		this.addCapture(prod, "orders.payments.dlq", 200, kept);
		this.addCapture(prod, "orders.refunds.dlq", 40, { name: "refunds, November", madeAt });
		this.note({
			act: "peek",
			place: "orders.payments.dlq",
			words: "200 of 913 peeked, put back",
			profile: prod.id,
			profileName: prod.name,
			messages: 200,
		});
	}
}

export function now(): string {
	return new Date().toISOString();
}

export function fail(code: FaultCode, message: string, remedy: string | null = null): never {
	throw new IpcError({
		code,
		message,
		remedy,
		detail: message,
		retryable: code === "unreachable" || code === "lost",
	});
}

function sum(queues: QueueRow[]): number {
	return queues.reduce((ready, queue) => ready + (queue.ready ?? 0), 0);
}

function closed(profile: ProfileId): ConnectionView {
	return {
		profile,
		state: { kind: "closed" },
		product: "",
		version: "",
		place: "",
		user: "",
		endpoints: [],
		writes: { kind: "locked" },
		freshness: { measuredAt: null, ageMsMax: null, tookMs: null, failing: null, paused: false },
		queues: null,
		exchanges: null,
		deadLetters: null,
		missing: [],
		generation: 0,
	};
}
