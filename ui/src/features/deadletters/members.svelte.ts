import type { GroupColumn, GroupRow, Port } from "../../ipc/port";
import type { Sort } from "../../kit/columns";
import { PagedRows } from "../../kit/rows.svelte";
import { Selection } from "../../kit/selection.svelte";
import { Inspected } from "../messages/inspected.svelte";

/** The messages of one group, and the one that is looked at. */
export class Members {
	readonly rows: PagedRows<GroupRow>;
	readonly selection = new Selection();
	cursor = $state<string | null>(null);
	#port: Port;
	#sort = $state.raw<Sort>({ column: "died", descending: false });
	#inspected = $state.raw<Inspected | null>(null);
	#queue = $state("");

	constructor(port: Port, grouping: string, group: number) {
		this.#port = port;
		this.rows = new PagedRows({
			id: (row) => `${row.capture}:${row.row.n}`,
			fetch: async (from, n) => {
				const { column, descending } = this.#sort;
				const page = await port.pageGroup({
					grouping,
					group,
					sort: column as GroupColumn,
					descending,
					from,
					n,
				});
				return { shown: page.total, rows: page.rows };
			},
		});
	}

	get sort(): Sort {
		return this.#sort;
	}

	/** `null`: no message is looked at. */
	get inspected(): Inspected | null {
		return this.#inspected;
	}

	/** That the message which is looked at lies in. */
	get queue(): string {
		return this.#queue;
	}

	sortBy(sort: Sort): void {
		this.#sort = sort;
		this.rows.restart();
	}

	inspect(row: GroupRow): void {
		if (this.#inspected?.capture !== row.capture) this.#inspected = new Inspected(this.#port, row.capture);
		this.#queue = row.queue;
		this.cursor = this.rows.id(row);
		void this.#inspected?.show(row.row.n);
	}

	move(step: 1 | -1): void {
		const row = this.rows.at(this.rows.indexOf(this.cursor ?? "") + step);
		if (row) this.inspect(row);
	}

	close(): void {
		this.#inspected = null;
	}

	/** What became of the messages may have changed. */
	refresh(): void {
		this.rows.refresh();
		void this.#inspected?.again();
	}
}
