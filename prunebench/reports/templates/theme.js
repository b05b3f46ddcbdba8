"use strict";
// Runs before the first paint. The style sheet has one dark palette, in a media query; a choice changes what that asks for.
{
  const DARK = {auto: "(prefers-color-scheme: dark)", light: "not all", dark: "screen"};
  const KEY = "prunebench-theme";
  const system = matchMedia(DARK.auto);
  const palettes = [...document.styleSheets].flatMap(sheet => [...sheet.cssRules])
    .filter(rule => rule instanceof CSSMediaRule && rule.conditionText === DARK.auto);

  // A browser may forbid pages in files to remember anything: then the choice holds while the page is open.
  const remembered = () => { try { return localStorage.getItem(KEY); } catch { return null; } };
  const remember = theme => { try { localStorage.setItem(KEY, theme); } catch { /* as above */ } };

  let chosen = Object.hasOwn(DARK, remembered()) ? remembered() : "auto";
  const apply = () => {
    for (const {media} of palettes) media.mediaText = DARK[chosen];
    document.documentElement.style.colorScheme = chosen === "auto" ? "light dark" : chosen;
    document.dispatchEvent(new Event("themechange"));
  };
  apply();
  system.addEventListener("change", () => document.dispatchEvent(new Event("themechange")));
  addEventListener("DOMContentLoaded", () => {
    const select = document.getElementById("theme");
    select.value = chosen;
    select.addEventListener("change", () => {
      chosen = select.value;
      remember(chosen);
      apply();
    });
    select.closest("label").hidden = false;
  });
}
