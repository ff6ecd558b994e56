import { render, screen } from "@testing-library/svelte";
import { expect, test, vi } from "vitest";
import FilterField from "./FilterField.svelte";

const props = { value: 'a "b', label: "Filter the messages", placeholder: "Text", oninput: vi.fn() };

test("a filter that cannot be read is marked in its field, which names what is wrong", () => {
	render(FilterField, { ...props, error: "the quote at character 3 of the filter is not closed" });
	const field = screen.getByRole("textbox", { name: "Filter the messages" });
	expect(field.getAttribute("aria-invalid")).toBe("true");
	const message = document.getElementById(field.getAttribute("aria-describedby") ?? "");
	expect(message?.textContent).toContain("character 3");
	expect(message?.getAttribute("role")).toBe("alert");
});

test("a filter that can be read is not", () => {
	render(FilterField, props);
	const field = screen.getByRole("textbox", { name: "Filter the messages" });
	expect(field.hasAttribute("aria-invalid")).toBe(false);
	expect(screen.queryByRole("alert")).toBeNull();
});
