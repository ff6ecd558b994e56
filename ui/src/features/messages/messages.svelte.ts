import type { CaptureView, MessageColumn, MessageRow, Port, ViewOpened } from "../../ipc/port";
import type { Sort } from "../../kit/columns";
import { PagedRows } from "../../kit/rows.svelte";
import { Selection } from "../../kit/selection.svelte";
import { IpcError } from "../../shell/context";

const FILTER_WAIT_MS = 200;

/** The messages of one capture as a table shows them: filtered and sorted in Rust, fetched by the page. */
export class MessageList {
	readonly rows: PagedRows<MessageRow>;
	readonly selection = new Selection();
	#port: Port;
	#capture: string;
	#filter = $state("");
	#sort = $state.raw<Sort>({ column: "position", descending: false });
	#opened = $state.raw<ViewOpened | null>(null);
	#fault = $state.raw<IpcError | null>(null);
	#first: Promise<void> | null = null;
	#round = 0;
	#timer: ReturnType<typeof setTimeout> | undefined;
	#closed = false;

	constructor(port: Port, capture: string, filter = "") {
		this.#port = port;
		this.#capture = capture;
		this.#filter = filter;
		this.rows = new PagedRows({ id: (row) => String(row.n), fetch: (from, n) => this.#page(from, n) });
	}

	/** The capture as it is now; `null` before the first answer. */
	get capture(): CaptureView | null {
		return this.#opened?.capture ?? null;
	}

	/** The view that is shown, for exports. */
	get view(): string | null {
		return this.#opened?.view ?? null;
	}

	/** How many messages the filter leaves. */
	get shown(): number | null {
		return this.#opened?.shown ?? null;
	}

	get filter(): string {
		return this.#filter;
	}

	get sort(): Sort {
		return this.#sort;
	}

	/** What is wrong with the filter; what was shown before stays. */
	get filterError(): string | null {
		return this.#fault?.code === "invalid" ? this.#fault.message : null;
	}

	/** What went wrong otherwise. */
	get fault(): IpcError | null {
		return this.#fault?.code === "invalid" ? null : this.#fault;
	}

	/** The chosen messages, by number. */
	get chosen(): number[] {
		return [...this.selection.ids].map(Number).sort((a, b) => a - b);
	}

	filterBy(text: string): void {
		this.#filter = text;
		clearTimeout(this.#timer);
		this.#timer = setTimeout(() => void this.#open(), FILTER_WAIT_MS);
	}

	sortBy(sort: Sort): void {
		this.#sort = sort;
		void this.#open();
	}

	retry(): void {
		void this.#open();
	}

	/** What became of the messages may have changed. */
	refresh(): void {
		this.rows.refresh();
	}

	close(): void {
		this.#closed = true;
		clearTimeout(this.#timer);
		this.#drop(this.#opened);
	}

	async #page(from: number, n: number) {
		this.#first ??= this.#open();
		await this.#first;
		const opened = this.#opened;
		if (!opened) throw this.#fault ?? new Error("the view is not open");
		return this.#port.pageView(opened.view, from, n);
	}

	async #open(): Promise<void> {
		this.#round += 1;
		const round = this.#round;
		const { column, descending } = this.#sort;
		try {
			const opened = await this.#port.openView({
				capture: this.#capture,
				filter: this.#filter,
				sort: column as MessageColumn,
				descending,
			});
			if (round !== this.#round || this.#closed) return this.#drop(opened);
			const before = this.#opened;
			this.#opened = opened;
			this.#fault = null;
			// The first one is opened by the rows themselves.
			if (before || this.rows.fault) this.rows.restart();
			this.#drop(before);
		} catch (thrown) {
			if (round === this.#round) this.#fault = IpcError.from(thrown);
		}
	}

	/** Rust forgets a view of its own accord too, so nobody waits for this. */
	#drop(opened: ViewOpened | null): void {
		if (opened) this.#port.closeView(opened.view).catch(() => undefined);
	}
}
