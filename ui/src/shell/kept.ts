import { createContext } from "svelte";

type Kind<Value> = abstract new (...args: never[]) => Value;

/** What the views of each connection keep while the window lives: one who comes back finds them as they were left. */
export class Kept {
	#profiles = new Map<string, Map<unknown, unknown>>();

	/** The one of that class which this connection has; made where there is none yet. */
	of<Value>(profile: string, kind: Kind<Value>, make: () => Value): Value {
		const values = this.#profiles.get(profile) ?? new Map();
		this.#profiles.set(profile, values);
		const known = values.get(kind);
		if (known instanceof kind) return known;
		const made = make();
		values.set(kind, made);
		return made;
	}

	/** The profile is gone. */
	forget(profile: string): void {
		this.#profiles.delete(profile);
	}
}

export const [useKept, provideKept] = createContext<Kept>();
