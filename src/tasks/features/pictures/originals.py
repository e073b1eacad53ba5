"""Weights that cases about pictures share, pinned."""

from tasks.platform.originals import Original, register

_FACES = "https://raw.githubusercontent.com/ShiqiYu/libfacedetection.train/0047ac24afb1a50a0c6105001c89d1b5b805dbf1"
_CORAL = "https://raw.githubusercontent.com/google-coral/test_data/104342d2d3480b3e66203073dac24f4e2dbb4c41"

WEIGHTS, LABELS, FACES = register(
    Original(
        name="mobilenet_v2",
        file_name="tf2_mobilenet_v2_1.0_224_ptq.tflite",
        url=f"{_CORAL}/tf2_mobilenet_v2_1.0_224_ptq.tflite",
        sha256="5d3137241276e79c86d14a74fe43581398ae0e815191d3dba45495b810840e8c",
        bytes=4_070_174,
        licence="Apache-2.0",
        what="MobileNetV2 trained on ImageNet, 8-bit, as a TensorFlow Lite file",
    ),
    Original(
        name="imagenet_labels",
        file_name="imagenet_labels.txt",
        url=f"{_CORAL}/imagenet_labels.txt",
        sha256="b8aaeb5630c62626a7d124a05c0e14230a7ffdd2136a31d0190a4fb71c1d82f1",
        bytes=21_686,
        licence="Apache-2.0",
        what="the 1,001 labels of that network, 'background' first",
    ),
    Original(
        name="yunet",
        file_name="yunet_n_640_640.onnx",
        url=f"{_FACES}/onnx/yunet_n_640_640.onnx",
        sha256="25a606a145a5b6d7271ae138fbd00eba91dad8b83222ae3f2c7ecd0f4a7b0e31",
        bytes=317_466,
        licence="see its repository, ShiqiYu/libfacedetection.train",
        what="YuNet, which finds faces and their eyes, nose and mouth, as an ONNX file",
    ),
)
