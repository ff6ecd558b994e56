import { expect, test } from "vitest";
import { detailOf, IpcError } from "./error";

const thrown = (stack: string | undefined) => Object.assign(new Error("the queue has no row"), { stack });

test("a report has the message and the stack, whether or not the engine writes the one into the other", () => {
	expect(detailOf(thrown("show@app.js:1:2"))).toBe("the queue has no row\nshow@app.js:1:2");
	const whole = "Error: the queue has no row\n    at show (app.js:1:2)";
	expect(detailOf(thrown(whole))).toBe(whole);
	expect(detailOf(thrown(undefined))).toContain("the queue has no row");
	expect(detailOf("words")).toBe("words");
});

test("what is no error of the door becomes one that keeps all that is known", () => {
	const error = IpcError.from(thrown("show@app.js:1:2"));
	expect(error.code).toBe("other");
	expect(error.message).toBe("the queue has no row");
	expect(error.detail).toContain("show@app.js:1:2");
	expect(IpcError.from(error)).toBe(error);
});
