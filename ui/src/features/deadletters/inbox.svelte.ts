import type {
	DeadLetterInbox,
	DeadLetterQueue,
	FailureGroup,
	FailureGroups,
	GroupBy,
	PeekProgress,
	Port,
} from "../../ipc/port";
import type { Sort } from "../../kit/columns";
import { PagedRows } from "../../kit/rows.svelte";
import { IpcError } from "../../shell/context";
import { Asked } from "../parts/asked.svelte";
import { compareGroups, idOf } from "./groups";

/** What is read of a queue at the first click. */
export const READ_FIRST = 200;
const TYPING_WAIT_MS = 250;

/** A look that is under way. */
export interface Reading {
	queue: string;
	progress: PeekProgress | null;
}

/** The dead letters of one connection: in which queues they lie, what was read of each, and what they have in common. */
export class Inbox {
	readonly rows: PagedRows<FailureGroup>;
	/** The group with the keyboard cursor, whose messages are shown. */
	cursor = $state<string | null>(null);
	#port: Port;
	#profile: string;
	#inbox: Asked<DeadLetterInbox>;
	#grouped: Asked<FailureGroups>;
	#by = $state.raw<GroupBy>({ kind: "exceptionAndMessage" });
	#filter = $state("");
	#sinceHours = $state<number | null>(null);
	#sort = $state.raw<Sort>({ column: "count", descending: true });
	#reading = $state.raw<Reading | null>(null);
	#readFault = $state.raw<{ queue: string; fault: IpcError } | null>(null);
	#abort: AbortController | null = null;
	/** Those that were grouped; `null`: none yet, or they are to be grouped anew. */
	#captures: string | null = null;
	#timer: ReturnType<typeof setTimeout> | undefined;

	constructor(port: Port, profile: string) {
		this.#port = port;
		this.#profile = profile;
		this.#inbox = new Asked(() => port.listDeadLetters(profile));
		this.#grouped = new Asked(() => this.#group());
		this.rows = new PagedRows({ id: idOf, fetch: async (from, n) => this.#page(from, n) });
	}

	/** Most messages first; `null` before the first answer, or where the broker does not say. */
	get queues(): DeadLetterQueue[] | null {
		return this.#inbox.value?.queues ?? null;
	}

	/** Ready in all of them; `null`: not known. */
	get ready(): number | null {
		return this.#inbox.value?.ready ?? null;
	}

	/** What hides queues from this list. */
	get missing(): DeadLetterInbox["missing"] {
		return this.#inbox.value?.missing ?? [];
	}

	/** Why the queues could not be listed. */
	get fault(): IpcError | null {
		return this.#inbox.fault;
	}

	/** How many messages were read, in how many queues. */
	get read(): { messages: number; queues: number } {
		const read = this.#readQueues();
		return {
			messages: read.reduce((sum, queue) => sum + (queue.capture?.messages ?? 0), 0),
			queues: read.length,
		};
	}

	/** `null` before the first answer. */
	get groups(): FailureGroups | null {
		return this.#grouped.value;
	}

	get grouping(): boolean {
		return this.#grouped.running;
	}

	/** What is wrong with the filter, or with what is grouped by. */
	get filterError(): string | null {
		return this.#grouped.fault?.code === "invalid" ? this.#grouped.fault.message : null;
	}

	get groupFault(): IpcError | null {
		return this.#grouped.fault?.code === "invalid" ? null : this.#grouped.fault;
	}

	get by(): GroupBy {
		return this.#by;
	}

	get filter(): string {
		return this.#filter;
	}

	/** Only what died in so many last hours; `null`: whenever it died. */
	get sinceHours(): number | null {
		return this.#sinceHours;
	}

	get sort(): Sort {
		return this.#sort;
	}

	get reading(): Reading | null {
		return this.#reading;
	}

	/** Why the last look failed, and at which queue. */
	get readFault(): { queue: string; fault: IpcError } | null {
		return this.#readFault;
	}

	/** The group that is shown; `null`: none, or it is not there any more. */
	get chosen(): FailureGroup | null {
		return this.groups?.groups.find((group) => idOf(group) === this.cursor) ?? null;
	}

	groupBy(by: GroupBy): void {
		this.#by = by;
		this.#soon();
	}

	filterBy(text: string): void {
		this.#filter = text;
		this.#soon();
	}

	since(hours: number | null): void {
		this.#sinceHours = hours;
		void this.regroup();
	}

	sortBy(sort: Sort): void {
		this.#sort = sort;
		this.rows.restart();
	}

	/** Counts may have changed, and what was read; the broker is not asked. */
	async refresh(): Promise<void> {
		await this.#inbox.again();
		if (this.#captureIds().join() !== this.#captures) await this.regroup();
	}

	/** Somebody has come back: Rust may have forgotten the groups meanwhile. */
	async show(): Promise<void> {
		this.#captures = null;
		await this.refresh();
	}

	/** Groups anew what was read. */
	async regroup(): Promise<void> {
		clearTimeout(this.#timer);
		await this.#grouped.again();
		this.rows.restart();
	}

	/** Reads the first `n` of a queue at the cost that was shown: into a capture, and back. */
	async readQueue(queue: DeadLetterQueue, n: number): Promise<boolean> {
		if (this.#reading || queue.look === null || queue.look.refusal) return false;
		this.#reading = { queue: queue.name, progress: null };
		this.#readFault = null;
		this.#abort = new AbortController();
		try {
			await this.#port.peekQueue(this.#profile, queue.name, n, queue.look, {
				signal: this.#abort.signal,
				onprogress: (progress) => (this.#reading = { queue: queue.name, progress }),
			});
			return true;
		} catch (thrown) {
			this.#readFault = { queue: queue.name, fault: IpcError.from(thrown) };
			return false;
		} finally {
			this.#reading = null;
			await this.refresh();
		}
	}

	/** The first messages of each queue that was not read yet and where a look is not refused; stops at the first trouble. */
	async readFirst(): Promise<void> {
		for (const queue of this.unread) {
			if (!(await this.readQueue(queue, READ_FIRST)) || this.#abort?.signal.aborted) return;
		}
	}

	/** Queues with messages of which none was read, and that may be looked at. */
	get unread(): DeadLetterQueue[] {
		return (this.queues ?? []).filter(
			(queue) => queue.capture === null && queue.ready !== 0 && queue.look !== null && !queue.look.refusal,
		);
	}

	cancel(): void {
		this.#abort?.abort();
	}

	#readQueues(): DeadLetterQueue[] {
		return (this.queues ?? []).filter((queue) => (queue.capture?.messages ?? 0) > 0);
	}

	#captureIds(): string[] {
		return this.#readQueues().flatMap((queue) => (queue.capture ? [queue.capture.id] : []));
	}

	#soon(): void {
		clearTimeout(this.#timer);
		this.#timer = setTimeout(() => void this.regroup(), TYPING_WAIT_MS);
	}

	#page(from: number, n: number) {
		const groups = [...(this.groups?.groups ?? [])].sort(compareGroups(this.#sort));
		return { shown: groups.length, rows: groups.slice(from, from + n) };
	}

	async #group(): Promise<FailureGroups> {
		const captures = this.#captureIds();
		this.#captures = captures.join();
		const before = this.groups;
		const since =
			this.#sinceHours === null ? null : new Date(Date.now() - this.#sinceHours * 3_600_000).toISOString();
		const groups = await this.#port.groupFailures({ captures, by: this.#by, filter: this.#filter, since });
		this.#drop(before);
		return groups;
	}

	/** Rust forgets groupings of its own accord too, so nobody waits for this. */
	#drop(groups: FailureGroups | null): void {
		if (groups) this.#port.closeGrouping(groups.id).catch(() => undefined);
	}
}
