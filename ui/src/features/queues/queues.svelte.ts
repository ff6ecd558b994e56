import type { Port, QueueColumn, QueueFilter, QueuePage, QueueRow } from "../../ipc/port";
import type { Sort } from "../../kit/columns";
import { PagedRows } from "../../kit/rows.svelte";

/** The table of queues: sorted and filtered in Rust, fetched by the page. */
export class QueueList {
	readonly rows: PagedRows<QueueRow>;
	/** The queue with the keyboard cursor. */
	cursor = $state<string | null>(null);
	#filter = $state("");
	#only = $state.raw<QueueFilter[]>([]);
	#sort = $state.raw<Sort>({ column: "ready", descending: true });
	#last = $state.raw<Pick<QueuePage, "total" | "shown" | "counts"> | null>(null);

	constructor(port: Port, profile: string) {
		this.rows = new PagedRows({
			id: (row) => row.name,
			fetch: async (from, n) => {
				const page = await port.listQueues(profile, {
					filter: this.#filter,
					only: this.#only,
					sort: this.#sort.column as QueueColumn,
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

	get sort(): Sort {
		return this.#sort;
	}

	/** All queues of the connection; `null` before the first answer. */
	get total(): number | null {
		return this.#last?.total ?? null;
	}

	/** Those that the filters leave. */
	get shown(): number | null {
		return this.#last?.shown ?? null;
	}

	get filtered(): boolean {
		return this.#filter !== "" || this.#only.length > 0;
	}

	/** How many queues a switch would leave. */
	count(filter: QueueFilter): number | null {
		return this.#last?.counts.find(([name]) => name === filter)?.[1] ?? null;
	}

	isOn(filter: QueueFilter): boolean {
		return this.#only.includes(filter);
	}

	filterBy(text: string): void {
		this.#filter = text;
		this.rows.restart();
	}

	toggle(filter: QueueFilter): void {
		this.#only = this.isOn(filter) ? this.#only.filter((one) => one !== filter) : [...this.#only, filter];
		this.rows.restart();
	}

	clear(): void {
		this.#filter = "";
		this.#only = [];
		this.rows.restart();
	}

	sortBy(sort: Sort): void {
		this.#sort = sort;
		this.rows.restart();
	}
}
