import type { CaptureSource, CaptureView, Port } from "../../ipc/port";
import type { Sort } from "../../kit/columns";
import { Remembered } from "../../kit/remembered.svelte";
import { PagedRows } from "../../kit/rows.svelte";
import { Asked } from "../parts/asked.svelte";

export const SOURCES: Record<CaptureSource, string> = {
	peek: "Peek",
	carefulLook: "Careful look",
	take: "Take",
	job: "Copies of a job",
	import: "Import",
};

/** What stands for the profile of messages that no connection of this computer read. */
export const NO_PROFILE = "00000000-0000-0000-0000-000000000000";

/** What a capture is called where nobody named it. */
export const titleOf = (capture: CaptureView): string => capture.name ?? SOURCES[capture.source];

const KEYS: Record<string, (capture: CaptureView) => string | number> = {
	name: (capture) => titleOf(capture).toLowerCase(),
	queue: (capture) => capture.queue,
	profile: (capture) => capture.profileName,
	made: (capture) => capture.madeAt,
	messages: (capture) => capture.messages,
	bytes: (capture) => capture.bytes,
};

/** What is kept on this computer of one connection: snapshots that were named, and captures that were not. */
export class CaptureList {
	/** The same as a table. */
	readonly rows: PagedRows<CaptureView>;
	/** The capture with the keyboard cursor. */
	cursor = $state<string | null>(null);
	readonly #asked: Asked<CaptureView[]>;
	#sort = new Remembered<Sort>("snapshots.sort", { column: "made", descending: true });
	#filter = $state("");

	constructor(port: Port, profile: string) {
		this.#asked = new Asked(() => port.listCaptures(profile));
		this.rows = new PagedRows({
			id: (capture) => capture.id,
			fetch: async (from, n) => {
				if (this.#asked.value === null) await this.#asked.again();
				if (this.#asked.value === null) throw this.#asked.fault;
				const all = this.#sorted;
				return { shown: all.length, rows: all.slice(from, from + n) };
			},
		});
	}

	get known(): boolean {
		return this.#asked.value !== null;
	}

	get fault() {
		return this.#asked.fault;
	}

	get filter(): string {
		return this.#filter;
	}

	get sort(): Sort {
		return this.#sort.value;
	}

	get all(): CaptureView[] {
		return this.#asked.value ?? [];
	}

	/** Kept until they are removed. */
	get named(): CaptureView[] {
		return this.#matching.filter((capture) => capture.name !== null);
	}

	/** Dropped in time, the oldest first. */
	get unnamed(): CaptureView[] {
		return this.#matching.filter((capture) => capture.name === null);
	}

	/** On this computer, of all of them. */
	get bytes(): number {
		return this.all.reduce((sum, capture) => sum + capture.bytes, 0);
	}

	/** Messages in all of them. */
	get messages(): number {
		return this.all.reduce((sum, capture) => sum + capture.messages, 0);
	}

	find(id: string | null): CaptureView | undefined {
		return this.all.find((capture) => capture.id === id);
	}

	filterBy(text: string): void {
		this.#filter = text;
		this.rows.restart();
	}

	sortBy(sort: Sort): void {
		this.#sort.value = sort;
		this.rows.restart();
	}

	async again(): Promise<void> {
		await this.#asked.again();
		this.rows.refresh();
	}

	get #matching(): CaptureView[] {
		const wanted = this.#filter.trim().toLowerCase();
		return this.all.filter(({ name, queue, note }) =>
			`${name ?? ""} ${queue} ${note}`.toLowerCase().includes(wanted),
		);
	}

	get #sorted(): CaptureView[] {
		const { column, descending } = this.#sort.value;
		const key = KEYS[column] ?? KEYS.made;
		const order = descending ? -1 : 1;
		return this.#matching.toSorted((one, other) => {
			const [a, b] = [key?.(one) ?? 0, key?.(other) ?? 0];
			return order * (a < b ? -1 : a > b ? 1 : 0);
		});
	}
}
