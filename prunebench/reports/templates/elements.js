// Elements. Texts that others wrote are isolated (`bdi`), so that their direction stays theirs.

function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "on") for (const [event, handler] of Object.entries(value)) element.addEventListener(event, handler);
    else if (name === "style") Object.assign(element.style, value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter(child => child !== null && child !== undefined && child !== ""));
  return element;
}

const chip = status => make("span", {class: `chip ${status}`, title: data.statuses[status].meaning}, data.statuses[status].word);
const small = text => text ? make("small", {class: "quiet"}, text) : null;
