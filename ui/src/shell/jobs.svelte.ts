import { createContext } from "svelte";
import { IpcError } from "../ipc/error";
import type { JobState, JobView, Port } from "../ipc/port";
import type { Events } from "./events";
import { Pace, settled } from "./pace";

/** Jobs of other programs tell nothing: they are looked at this often while they run, or while the list is on screen. */
const LOOK_AGAIN_MS = 3000;
/** One that runs here tells several times a second; reading it costs more than that. */
const READ_AGAIN_MS = 300;
const WAITING: JobState[] = ["interrupted", "needsAnswer", "paused"];

export const needsUser = (job: JobView): boolean => WAITING.includes(job.state);

/** The jobs of this computer, whichever program runs them, newest first. */
export class Jobs {
	#port: Port;
	#jobs = $state.raw<JobView[]>([]);
	#known = $state(false);
	#fault = $state.raw<IpcError | null>(null);
	#readAt = $state<number | null>(null);
	#paces = new Map<string, Pace>();
	/** Jobs that are being read; `true`: it has changed since, and is to be read once more. */
	#reading = new Map<string, boolean>();
	#listing = false;
	#watchers = 0;

	constructor(port: Port, events: Events) {
		this.#port = port;
		events.on("jobChanged", (event) => void (event ? this.read(event.job) : this.again()));
	}

	/** The first answer is here. */
	get known(): boolean {
		return this.#known;
	}

	/** Why the list could not be read, until it can be. */
	get fault(): IpcError | null {
		return this.#fault;
	}

	/** When the list was last read, in ms since 1970. */
	get readAt(): number | null {
		return this.#readAt;
	}

	get all(): JobView[] {
		return this.#jobs;
	}

	readonly running = $derived(this.#jobs.filter((job) => job.state === "running"));

	find(id: string | null): JobView | undefined {
		return this.#jobs.find((job) => job.id === id);
	}

	/** Of one connection. */
	of(profile: string | null): JobView[] {
		return this.#jobs.filter((job) => job.profile === profile);
	}

	/** "1 running", "2 need you"; `null`: neither. */
	note(profile: string | null): string | null {
		const all = this.of(profile);
		const running = all.filter((job) => job.state === "running").length;
		const waiting = all.filter(needsUser).length;
		if (running > 0) return `${running} running`;
		if (waiting === 0) return null;
		return waiting === 1 ? "1 needs you" : `${waiting} need you`;
	}

	/** Messages that ended a second, while it runs; `null`: not known yet. */
	perSecond(job: JobView, nowMs: number): number | null {
		return this.#paces.get(job.id)?.perSecond(nowMs) ?? null;
	}

	/** How long the rest of it takes; `null`: that cannot be said. */
	leftMs(job: JobView, nowMs: number): number | null {
		return this.#paces.get(job.id)?.leftMs(job, nowMs) ?? null;
	}

	/** Looks again from time to time, until the returned function is called. */
	start(): () => void {
		void this.again();
		const timer = setInterval(() => {
			if (this.#watchers > 0 || this.running.some((job) => job.elsewhere)) void this.again();
		}, LOOK_AGAIN_MS);
		return () => clearInterval(timer);
	}

	/** The list is on screen until the returned function is called. */
	watch(): () => void {
		this.#watchers += 1;
		void this.again();
		return () => {
			this.#watchers -= 1;
		};
	}

	/** Reads the list anew. */
	async again(): Promise<void> {
		if (this.#listing) return;
		this.#listing = true;
		try {
			const listed = await this.#port.listJobs(null);
			const before = new Map(this.#jobs.map((job) => [job.id, job]));
			this.#set(listed.map((job) => merged(before.get(job.id), job)));
			this.#fault = null;
			this.#known = true;
			this.#readAt = Date.now();
			for (const job of listed) if (outdated(before.get(job.id), job)) void this.read(job.id);
		} catch (thrown) {
			this.#fault = IpcError.from(thrown);
		} finally {
			this.#listing = false;
		}
	}

	/** Reads one job, with its open messages. `null`: that failed, or it is being read already. */
	async read(id: string): Promise<IpcError | null> {
		if (this.#reading.has(id)) {
			this.#reading.set(id, true);
			return null;
		}
		this.#reading.set(id, false);
		try {
			this.put(await this.#port.showJob(id));
			return null;
		} catch (thrown) {
			return IpcError.from(thrown);
		} finally {
			if (this.#reading.get(id)) setTimeout(() => this.#readOnceMore(id), READ_AGAIN_MS);
			else this.#reading.delete(id);
		}
	}

	/** An answer that came another way. */
	put(job: JobView): void {
		const others = this.#jobs.filter(({ id }) => id !== job.id);
		this.#set([...others, job].toSorted((a, b) => b.number - a.number));
	}

	#readOnceMore(id: string): void {
		this.#reading.delete(id);
		void this.read(id);
	}

	#set(jobs: JobView[]): void {
		this.#jobs = jobs;
		for (const job of jobs) {
			const pace = this.#paces.get(job.id);
			if (pace || job.state === "running") {
				this.#paces.set(job.id, pace ?? new Pace());
				this.#paces.get(job.id)?.note(job, Date.now());
			}
		}
	}
}

/** A list tells neither who started a job nor which of its messages are open. */
function merged(before: JobView | undefined, listed: JobView): JobView {
	return before ? { ...listed, by: before.by, rows: before.rows } : listed;
}

/** Whether what is known of its messages is of another time. */
function outdated(before: JobView | undefined, listed: JobView): boolean {
	if (!before || before.by === "") return false;
	return (
		before.state !== listed.state || settled(before) !== settled(listed) || before.outcome !== listed.outcome
	);
}

export const [useJobs, provideJobs] = createContext<Jobs>();
