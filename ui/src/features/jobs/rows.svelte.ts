import type { JobRow, JobView, MessageState, Port, RowFilter } from "../../ipc/port";
import { count } from "../../kit/format";
import { PagedRows } from "../../kit/rows.svelte";
import { ENDINGS } from "../redrive/deeds";

/** A job tells of itself several times a second; its messages are not counted as often. */
const REFRESH_MS = 1000;

/** Which messages are shown: all, those that ended in one way, those that came back. */
export type Tab = "all" | "cameBack" | MessageState;

export function tabsOf({ counts }: JobView): { value: Tab; label: string }[] {
	const endings = ENDINGS.filter(({ state }) => counts[state] > 0).map(({ state, label }) => ({
		value: state as Tab,
		label: `${label} ${count(counts[state])}`,
	}));
	const back: { value: Tab; label: string }[] =
		counts.bounced > 0 ? [{ value: "cameBack", label: `Came back ${count(counts.bounced)}` }] : [];
	return [{ value: "all", label: `All ${count(counts.planned)}` }, ...back, ...endings];
}

function filterOf(tab: Tab): RowFilter {
	if (tab === "all" || tab === "cameBack") return { kind: tab };
	return { kind: "in", state: tab };
}

/** The messages of one job as a table shows them: while it runs the latest first, then in their order. */
export class JobRows {
	readonly rows: PagedRows<JobRow>;
	#tab = $state<Tab>("all");
	#text = $state("");
	#running: boolean;
	#timer: ReturnType<typeof setTimeout> | undefined;

	constructor(port: Port, job: JobView) {
		this.#running = job.state === "running";
		this.rows = new PagedRows({
			id: (row) => String(row.n),
			fetch: async (from, n) => {
				const ask = { ...this.asked, newestFirst: this.#running, from, n };
				const page = await port.jobRows(job.id, ask);
				return { shown: page.total, rows: page.rows };
			},
		});
	}

	get tab(): Tab {
		return this.#tab;
	}

	get text(): string {
		return this.#text;
	}

	/** Which messages are shown, as Rust is asked for them. */
	get asked(): { only: RowFilter; text: string } {
		return { only: filterOf(this.#tab), text: this.#text.trim() };
	}

	search(text: string): void {
		this.#text = text;
		this.rows.restart();
	}

	choose(tab: Tab): void {
		this.#tab = tab;
		this.rows.restart();
	}

	/** The job has come further. A tab that has nothing any more is left. */
	follow(job: JobView): void {
		const running = job.state === "running";
		const gone = !tabsOf(job).some(({ value }) => value === this.#tab);
		if (gone) this.#tab = "all";
		if (gone || running !== this.#running) {
			this.#running = running;
			this.rows.restart();
		} else {
			this.#timer ??= setTimeout(() => {
				this.#timer = undefined;
				this.rows.refresh();
			}, REFRESH_MS);
		}
	}

	close(): void {
		clearTimeout(this.#timer);
	}
}
