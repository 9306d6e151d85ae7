// What was found as a file for a player.

/** Asks for a playlist of a request and lets the browser keep it. */
export async function savePlaylist(request, title) {
  const response = await fetch(`/api/playlist?format=m3u8&title=${encodeURIComponent(title)}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(request),
  });
  if (!response.ok) throw new Error("The playlist could not be made. Search again.");
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await response.blob());
  link.download = `${title.replace(/[^\p{L}\p{N} _-]+/gu, "").trim() || "playlist"}.m3u8`;
  link.click();
  // The browser has read it by then.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
