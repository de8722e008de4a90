import type { EngineContext } from "./context.ts";
import type { ImageCalls } from "./image-calls.ts";

/** The use cases of `ImageCalls`, each loaded when called. */
export function createImageCalls(ctx: EngineContext): ImageCalls {
  return {
    inspectImage: async (input, options) => (await import("./inspect-image.ts")).inspectImage(ctx, input, options),
    extractFiles: async (input, options) => (await import("./extract-files.ts")).extractFiles(ctx, input, options),
    renderImage: async (input, options) => (await import("./extract-files.ts")).renderImage(ctx, input, options),
    verifyImages: async (input, options) => (await import("./verify-images.ts")).verifyImages(ctx, input, options),
    pinImages: async (input) => (await import("./pin-images.ts")).pinImages(ctx, input),
    unpinImages: async (input) => (await import("./pin-images.ts")).unpinImages(ctx, input),
    checkStoreContent: async (input, options) =>
      (await import("./check-store-content.ts")).checkStoreContent(ctx, input, options),
  };
}
