const PAGE_ROWS = 100;
const PAGES_MAX = 40;
/** As many as Rust gives at once. */
const IDS_STEP = 500;
const IDS_MAX = 100_000;

export interface Page<Row> {
	/** Rows there are in all, after filters. */
	shown: number;
	rows: Row[];
}

interface Options<Row> {
	fetch: (from: number, n: number) => Promise<Page<Row>>;
	/** What stays the same while the row's values change. */
	id: (row: Row) => string;
}

/** The rows of a long table, fetched by the page as they are looked at. While held, rows keep their places: values
 * change where they are, and a new order waits. */
export class PagedRows<Row> {
	#options: Options<Row>;
	#pages = new Map<number, Row[]>();
	#stale = new Set<number>();
	#asked = new Map<number, number>();
	#waiting: { pages: Map<number, Row[]>; shown: number } | null = null;
	#range: [number, number] = [0, 0];
	#refreshes = 0;
	#round = 0;
	#clearing = false;
	#held = false;
	#version = $state(0);
	#shown = $state<number | null>(null);
	#fault = $state.raw<unknown>(null);
	#restarts = $state(0);
	#orderWaits = $state(false);

	constructor(options: Options<Row>) {
		this.#options = options;
	}

	/** How many there are; `null` before the first answer. */
	get shown(): number | null {
		return this.#shown;
	}

	/** Why the last request failed, until one succeeds. */
	get fault(): unknown {
		return this.#fault;
	}

	/** Rises with every restart: the table goes back to its top. */
	get restarts(): number {
		return this.#restarts;
	}

	/** A new order is known and waits for the rows to be let go. */
	get orderWaits(): boolean {
		return this.#orderWaits;
	}

	/** `undefined`: not fetched yet. */
	at(index: number): Row | undefined {
		void this.#version;
		return this.#pages.get(Math.floor(index / PAGE_ROWS))?.[index % PAGE_ROWS];
	}

	id(row: Row): string {
		return this.#options.id(row);
	}

	/** Where that row is, among those that are here; -1 where it is not. */
	indexOf(id: string): number {
		void this.#version;
		for (const [page, rows] of this.#pages) {
			const index = rows.findIndex((row) => this.#options.id(row) === id);
			if (index >= 0) return page * PAGE_ROWS + index;
		}
		return -1;
	}

	/** The ids of all of them, in order, fetched as far as they are not here. `null`: that failed, or the question has
	 * changed meanwhile. */
	async allIds(): Promise<string[] | null> {
		const round = this.#round;
		const ids: string[] = [];
		try {
			for (let shown = 1; ids.length < Math.min(shown, IDS_MAX); ) {
				const page = await this.#options.fetch(ids.length, IDS_STEP);
				if (round !== this.#round) return null;
				if (page.rows.length === 0) break;
				shown = page.shown;
				ids.push(...page.rows.map((row) => this.#options.id(row)));
			}
			return ids;
		} catch (fault) {
			this.#fault = fault;
			return null;
		}
	}

	/** Says which rows are on screen; what is missing of them is fetched. */
	need(first: number, last: number): void {
		this.#range = [Math.floor(first / PAGE_ROWS), Math.floor(Math.max(first, last) / PAGE_ROWS)];
		this.#fetchNeeded();
	}

	/** The values may have changed: asks again, and keeps what is shown until the answer is here. */
	refresh(): void {
		this.#refreshes += 1;
		for (const page of this.#pages.keys()) this.#stale.add(page);
		this.#fetchNeeded();
	}

	/** The question has changed (another sort or filter): starts anew from the top. */
	restart(): void {
		this.#round += 1;
		this.#restarts += 1;
		this.#asked.clear();
		this.#waiting = null;
		this.#orderWaits = false;
		this.#clearing = true;
		this.#range = [0, 0];
		this.#fetchNeeded();
	}

	/** Rows keep their places until they are let go: the pointer is over them. */
	hold(): void {
		this.#held = true;
	}

	release(): void {
		this.#held = false;
		if (!this.#waiting) return;
		this.#pages = this.#waiting.pages;
		this.#shown = this.#waiting.shown;
		this.#waiting = null;
		this.#orderWaits = false;
		this.#version += 1;
		this.#fetchNeeded();
	}

	#fetchNeeded(): void {
		const [first, last] = this.#range;
		for (let page = first; page <= last; page += 1) {
			const fresh = this.#pages.has(page) && !this.#stale.has(page) && !this.#clearing;
			if (!fresh && !this.#asked.has(page)) void this.#fetchPage(page);
		}
	}

	async #fetchPage(page: number): Promise<void> {
		const round = this.#round;
		this.#asked.set(page, this.#refreshes);
		try {
			const answer = await this.#options.fetch(page * PAGE_ROWS, PAGE_ROWS);
			if (round !== this.#round) return;
			this.#take(page, answer);
			this.#fault = null;
		} catch (fault) {
			if (round !== this.#round) return;
			this.#asked.delete(page);
			this.#fault = fault;
		}
	}

	#take(page: number, { shown, rows }: Page<Row>): void {
		const outdated = this.#asked.get(page) !== this.#refreshes;
		this.#asked.delete(page);
		if (this.#clearing) {
			this.#pages.clear();
			this.#stale.clear();
			this.#clearing = false;
		}
		if (!outdated) this.#stale.delete(page);
		if (this.#held && this.#pages.has(page)) {
			this.#keepPlaces(page, shown, rows);
		} else {
			this.#pages.set(page, rows);
			this.#shown = shown;
			this.#forgetFar();
		}
		this.#version += 1;
		this.#fetchNeeded();
	}

	#keepPlaces(page: number, shown: number, rows: Row[]): void {
		this.#waiting ??= { pages: new Map(), shown };
		this.#waiting.pages.set(page, rows);
		this.#waiting.shown = shown;
		const fresh = new Map(rows.map((row) => [this.#options.id(row), row]));
		for (const [at, old] of this.#pages) {
			this.#pages.set(
				at,
				old.map((row) => fresh.get(this.#options.id(row)) ?? row),
			);
		}
		const kept = this.#pages.get(page) ?? [];
		const same =
			kept.length === rows.length &&
			kept.every((row, n) => this.#options.id(row) === this.#options.id(rows[n] as Row));
		if (!same) this.#orderWaits = true;
	}

	#forgetFar(): void {
		if (this.#pages.size <= PAGES_MAX) return;
		const [first, last] = this.#range;
		const distance = (page: number) => Math.max(first - page, page - last, 0);
		const farthest = [...this.#pages.keys()].sort((a, b) => distance(b) - distance(a));
		for (const page of farthest.slice(0, this.#pages.size - PAGES_MAX)) {
			this.#pages.delete(page);
			this.#stale.delete(page);
		}
	}
}
