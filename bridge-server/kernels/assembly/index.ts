// The table of contents of kernels.wasm: what engine.run can name.
export { join } from './team';
export { copyWords, fillWords } from './memory';
export { luma } from './luma';
export { buildPyramid, flow, flowBytes, pyramidBytes, takeLevel } from './flow';
export { compareAlong, occlusion, pictureSums } from './consistency';
export { lookLoad, lookStore, lookBlur } from './look-picture';
export { lookTensor, lookTangents, lookAlong } from './look-tangents';
export { lookKuwahara } from './look-kuwahara';
export { lookDetail, lookImpasto } from './look-oil';
export { lookPaper, lookAcross, lookStrength, lookInk } from './look-ink';
export { lookNearest, lookTidy, lookPrint } from './look-poster';
export { frameDifferences } from './differences';
export { guide, maskLuma, premultiply } from './guide';
export { mapAlong, mapBetter, mapBorrow, mapExtent, mapPack, mapRefine, mapUnpack, refineMapBytes } from './track';
export { mixBeside } from './beside';
export { bands, coarseBytes, compose, miss, mix, relate } from './blend';
export { guideHalf, nnfBytes, nnfCount, nnfRefine, nnfSearch, patchSums } from './nnf';
export { blockSums, doubt, vote } from './vote';
