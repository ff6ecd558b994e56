import { createContext, untrack } from "svelte";
import { isMod, isTyping } from "../kit/keys";

export interface Shortcut {
	/** Pressed one after the other (`["G", "Q"]`), or together where the first is `Mod` (`["Mod", "K"]`). */
	keys: string[];
	/** For the list of keys: "Go to queues". */
	does: string;
	group: "Go to" | "View" | "Act";
	run: () => unknown;
	/** Without it the key does nothing now. */
	when?: () => boolean;
}

const SEQUENCE_MS = 1200;
const nameOf = (event: KeyboardEvent) => (event.key.length === 1 ? event.key.toUpperCase() : event.key);

/** The keys of the window. No single key ever publishes, moves or discards. */
export class Shortcuts {
	#list = $state.raw<Shortcut[]>([]);
	#begun: { key: string; at: number } | null = null;

	get list(): Shortcut[] {
		return this.#list;
	}

	/** Adds some until the returned function is called; what was added last goes first. */
	add(shortcuts: Shortcut[]): () => void {
		this.#list = [...shortcuts, ...this.#list];
		return () => {
			this.#list = this.#list.filter((one) => !shortcuts.includes(one));
		};
	}

	/** `true`: the key was one of ours. */
	press(event: KeyboardEvent, nowMs = Date.now()): boolean {
		if (event.defaultPrevented || event.altKey) return false;
		const key = nameOf(event);
		if (isMod(event)) return this.#run(["Mod", key]);
		// A code view is a tree of its own: the window sees only its host as the target.
		if (isTyping(event.composedPath()[0] ?? event.target) && key !== "Escape") return false;
		const begun = this.#begun;
		this.#begun = null;
		if (begun && nowMs - begun.at < SEQUENCE_MS && this.#run([begun.key, key])) return true;
		if (this.#run([key])) return true;
		if (this.#list.some(({ keys }) => keys.length === 2 && keys[0] === key)) this.#begun = { key, at: nowMs };
		return false;
	}

	/** `true`: the key ended a sequence that was begun. Only the first key of one may belong to whatever has the focus. */
	complete(event: KeyboardEvent, nowMs = Date.now()): boolean {
		const begun = this.#begun;
		if (!begun || event.altKey || isMod(event) || nowMs - begun.at >= SEQUENCE_MS) return false;
		if (isTyping(event.composedPath()[0] ?? event.target)) return false;
		if (!this.#run([begun.key, nameOf(event)])) return false;
		this.#begun = null;
		return true;
	}

	#run(keys: string[]): boolean {
		const found = this.#list.find(
			(one) =>
				one.keys.length === keys.length &&
				one.keys.every((key, n) => key === keys[n]) &&
				(one.when?.() ?? true),
		);
		if (!found) return false;
		void found.run();
		return true;
	}
}

export const [useShortcuts, provideShortcuts] = createContext<Shortcuts>();

/** Keys of a view, for as long as it is shown. Called while the component is set up. */
export function viewShortcuts(shortcuts: () => Shortcut[]): void {
	const all = useShortcuts();
	$effect(() => {
		const added = shortcuts();
		// Adding reads the list that it changes.
		return untrack(() => all.add(added));
	});
}
