/** A small setting of the window that outlives it: a width, a theme. What cannot be kept is forgotten silently. */
export class Remembered<Value> {
	#key: string;
	#value: Value;

	constructor(key: string, initial: Value) {
		this.#key = `queuescope.${key}`;
		this.#value = $state.raw(read(this.#key) ?? initial);
	}

	get value(): Value {
		return this.#value;
	}

	set value(value: Value) {
		this.#value = value;
		try {
			localStorage.setItem(this.#key, JSON.stringify(value));
		} catch {
			// A full or forbidden storage costs nothing but the memory of a width.
		}
	}
}

function read<Value>(key: string): Value | null {
	try {
		return JSON.parse(localStorage.getItem(key) ?? "null") as Value | null;
	} catch {
		return null;
	}
}
