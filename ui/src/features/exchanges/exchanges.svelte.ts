import type { ExchangeColumn, ExchangePage, ExchangeRow, Port } from "../../ipc/port";
import type { Sort } from "../../kit/columns";
import { PagedRows } from "../../kit/rows.svelte";

/** What the default exchange, whose name is empty, is called on screen. */
export const exchangeName = (name: string): string => name || "(default)";

/** The table of exchanges: sorted and filtered in Rust, fetched by the page. */
export class ExchangeList {
	readonly rows: PagedRows<ExchangeRow>;
	/** The exchange with the keyboard cursor. */
	cursor = $state<string | null>(null);
	/** The exchange whose panel is open. */
	chosen = $state<string | null>(null);
	#filter = $state("");
	#builtIn = $state(false);
	#onlyUnbound = $state(false);
	#sort = $state.raw<Sort>({ column: "rateIn", descending: true });
	#last = $state.raw<Pick<ExchangePage, "total" | "shown"> | null>(null);

	constructor(port: Port, profile: string) {
		this.rows = new PagedRows({
			id: (row) => row.name,
			fetch: async (from, n) => {
				const page = await port.listExchanges(profile, {
					filter: this.#filter,
					builtIn: this.#builtIn,
					onlyUnbound: this.#onlyUnbound,
					sort: this.#sort.column as ExchangeColumn,
					descending: this.#sort.descending,
					from,
					n,
				});
				this.#last = page;
				return page;
			},
		});
	}

	get filter(): string {
		return this.#filter;
	}

	get builtIn(): boolean {
		return this.#builtIn;
	}

	get onlyUnbound(): boolean {
		return this.#onlyUnbound;
	}

	get sort(): Sort {
		return this.#sort;
	}

	/** All exchanges of the connection; `null` before the first answer. */
	get total(): number | null {
		return this.#last?.total ?? null;
	}

	get shown(): number | null {
		return this.#last?.shown ?? null;
	}

	filterBy(text: string): void {
		this.#filter = text;
		this.rows.restart();
	}

	showBuiltIn(shown: boolean): void {
		this.#builtIn = shown;
		this.rows.restart();
	}

	showOnlyUnbound(only: boolean): void {
		this.#onlyUnbound = only;
		this.rows.restart();
	}

	/** Shows everything there is. */
	clear(): void {
		this.#filter = "";
		this.#onlyUnbound = false;
		this.#builtIn = true;
		this.rows.restart();
	}

	sortBy(sort: Sort): void {
		this.#sort = sort;
		this.rows.restart();
	}
}
