/** Names that remove instead of add (image-spec layer.md, "Whiteouts"). */

/** Before the name of what is removed from the layers below. */
export const whiteoutPrefix = ".wh.";

/** In a directory: all that the layers below have in it is removed. */
export const opaqueMarker = ".wh..wh..opq";

/** Other names with this prefix are book-keeping of AUFS, which every reader skips. */
export const aufsPrefix = ".wh..wh.";
