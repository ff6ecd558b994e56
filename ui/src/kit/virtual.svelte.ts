import {
	elementScroll,
	observeElementOffset,
	observeElementRect,
	type VirtualItem,
	Virtualizer,
} from "@tanstack/virtual-core";
import { untrack } from "svelte";

interface Ask {
	count: number;
	rowHeight: number;
	/** Of what stays at the top of the same element. */
	headHeight: number;
	element: HTMLElement | null;
}

const OVERSCAN = 8;

/** Which rows of a long list are on screen. Made while a component is set up; follows what `ask` reads. */
export class VirtualRows {
	#virtualizer: Virtualizer<HTMLElement, HTMLElement>;
	#version = $state(0);

	constructor(ask: () => Ask) {
		this.#virtualizer = new Virtualizer(this.#options(untrack(ask)));
		$effect(() => this.#virtualizer._didMount());
		$effect(() => {
			const now = ask();
			untrack(() => {
				const resized = now.rowHeight !== this.#virtualizer.options.estimateSize(0);
				this.#virtualizer.setOptions(this.#options(now));
				this.#virtualizer._willUpdate();
				if (resized) this.#virtualizer.measure();
				this.#version += 1;
			});
		});
	}

	get items(): VirtualItem[] {
		void this.#version;
		return this.#virtualizer.getVirtualItems();
	}

	/** Of the whole list, in px. */
	get height(): number {
		void this.#version;
		return this.#virtualizer.getTotalSize();
	}

	/** How many rows fit. */
	get pageRows(): number {
		const rowHeight = this.#virtualizer.options.estimateSize(0);
		return Math.max(1, Math.floor((this.#virtualizer.scrollRect?.height ?? 0) / rowHeight) - 1);
	}

	show(index: number): void {
		this.#virtualizer.scrollToIndex(index, { align: "auto" });
	}

	#options({ count, rowHeight, headHeight, element }: Ask) {
		return {
			count,
			getScrollElement: () => element,
			estimateSize: () => rowHeight,
			overscan: OVERSCAN,
			scrollMargin: headHeight,
			scrollPaddingStart: headHeight,
			scrollToFn: elementScroll,
			observeElementRect,
			observeElementOffset,
			onChange: () => {
				this.#version += 1;
			},
		};
	}
}
