import { render, screen } from "@testing-library/svelte";
import { createRawSnippet } from "svelte";
import { expect, test, vi } from "vitest";
import Dialog from "./Dialog.svelte";

const body = (html: string) => createRawSnippet(() => ({ render: () => html }));
const focused = () => document.activeElement;
const main = { label: "Make looking safe", run: vi.fn() };

test("the first focus of a dialog is never on a button of its body", async () => {
	const children = body("<div><button>Copy the command</button></div>");
	render(Dialog, { open: true, title: "Make looking safe in orders.dlq", main, children });
	const dialog = await screen.findByRole("dialog");
	await vi.waitFor(() => expect(focused()).toBe(dialog));
});

test("where there is something to write, it is first", async () => {
	const children = body('<div><button>Copy</button><input type="radio"><input aria-label="Name"></div>');
	render(Dialog, { open: true, title: "Keep as a snapshot", main, children });
	await vi.waitFor(() => expect(focused()).toBe(screen.getByLabelText("Name")));
});

test("what has to be typed comes before anything else, also where that is known only later", async () => {
	const children = body("<div><button>Copy</button></div>");
	const { rerender } = render(Dialog, { open: true, title: "Redrive 2 messages", main, children });
	const dialog = await screen.findByRole("dialog");
	await vi.waitFor(() => expect(focused()).toBe(dialog));
	await rerender({ typed: "orders.dlq" });
	await vi.waitFor(() => expect(focused()).toBe(screen.getByRole("textbox", { name: /Type orders.dlq/ })));
});
