import type { ActivityRow, Port } from "../../ipc/port";
import { IpcError } from "../../shell/context";
import { dayOf } from "./acts";

const PAGE_ROWS = 100;
/** Rust gives no more at once. */
const PAGE_ROWS_MAX = 500;

export interface Day {
	/** The newest of them: its date is the group's. */
	at: string;
	rows: ActivityRow[];
}

/** The log of what this computer did, newest first, read by the page as it is scrolled. */
export class ActivityLog {
	#port: Port;
	#profile: string;
	#filter = $state("");
	#onlyOpen = $state(false);
	#rows = $state.raw<ActivityRow[]>([]);
	#total = $state<number | null>(null);
	#fault = $state.raw<IpcError | null>(null);
	#reading = $state(false);
	#round = 0;

	constructor(port: Port, profile: string) {
		this.#port = port;
		this.#profile = profile;
	}

	get filter(): string {
		return this.#filter;
	}

	get onlyOpen(): boolean {
		return this.#onlyOpen;
	}

	get rows(): ActivityRow[] {
		return this.#rows;
	}

	/** What the filter leaves; `null` before the first answer. */
	get total(): number | null {
		return this.#total;
	}

	get fault(): IpcError | null {
		return this.#fault;
	}

	get hasMore(): boolean {
		return this.#total !== null && this.#rows.length < this.#total;
	}

	/** The rows by day. */
	readonly days = $derived.by(() => {
		const days: Day[] = [];
		for (const row of this.#rows) {
			const last = days.at(-1);
			if (last && dayOf(new Date(last.at)) === dayOf(new Date(row.at))) last.rows.push(row);
			else days.push({ at: row.at, rows: [row] });
		}
		return days;
	});

	find(id: string | null): ActivityRow | undefined {
		return this.#rows.find((row) => row.id === id);
	}

	filterBy(text: string): void {
		this.#filter = text;
		void this.again(PAGE_ROWS);
	}

	showOnlyOpen(only: boolean): void {
		this.#onlyOpen = only;
		void this.again(PAGE_ROWS);
	}

	/** Reads what is shown anew: lines were added or have ended. */
	async again(n = Math.min(PAGE_ROWS_MAX, Math.max(PAGE_ROWS, this.#rows.length))): Promise<void> {
		this.#round += 1;
		await this.#read(0, n, this.#round);
	}

	async more(): Promise<void> {
		if (this.#reading || !this.hasMore) return;
		await this.#read(this.#rows.length, PAGE_ROWS, this.#round);
	}

	async #read(from: number, n: number, round: number): Promise<void> {
		this.#reading = true;
		try {
			const page = await this.#port.listActivity({
				filter: this.#filter,
				profile: this.#profile,
				onlyOpen: this.#onlyOpen,
				from,
				n,
			});
			if (round !== this.#round) return;
			const known = new Set(from === 0 ? [] : this.#rows.map((row) => row.id));
			this.#rows = [...(from === 0 ? [] : this.#rows), ...page.rows.filter((row) => !known.has(row.id))];
			this.#total = page.total;
			this.#fault = null;
		} catch (thrown) {
			if (round === this.#round) this.#fault = IpcError.from(thrown);
		} finally {
			this.#reading = false;
		}
	}
}
