// A level of the luma pyramid, laid out as kernels/assembly/pyramid.ts has it; whole numbers, bit-equal to the processor's.

const PAD: i32 = 16;

fn byteAt(image: u32, stride: i32, x: i32, y: i32) -> u32 {
  return loadByte(u32(i32(image) + y * stride + x));
}

/** Four bytes a thread of a level with its border, from the finer level, or from a plane of its own size. */
// from (pixel 0, 0), stride of from, halve, to (the border's corner), stride, width, height
@compute @workgroup_size(16, 8)
fn pyramidLevel(@builtin(global_invocation_id) id: vec3<u32>) {
  let stride = argI(4u);
  let width = argI(5u);
  let height = argI(6u);
  if (4 * i32(id.x) >= stride || i32(id.y) >= height + 2 * PAD) {
    return;
  }
  let y = clamp(i32(id.y) - PAD, 0, height - 1);
  var word = 0u;
  for (var k = 0; k < 4; k++) {
    let x = clamp(4 * i32(id.x) + k - PAD, 0, width - 1);
    var value = 0u;
    if (arg(2u) == 0u) {
      value = byteAt(arg(0u), argI(1u), x, y);
    } else {
      let sum = byteAt(arg(0u), argI(1u), 2 * x, 2 * y) + byteAt(arg(0u), argI(1u), 2 * x + 1, 2 * y) +
        byteAt(arg(0u), argI(1u), 2 * x, 2 * y + 1) + byteAt(arg(0u), argI(1u), 2 * x + 1, 2 * y + 1);
      value = (sum + 2u) >> 2u;
    }
    word |= value << u32(8 * k);
  }
  storeU(arg(3u) + id.y * u32(stride) + 4u * id.x, word);
}
