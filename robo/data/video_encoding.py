"""Encoding images to H.264 packets one by one, and packets to an mp4 file.

Packets leave the encoder at once (no look-ahead, no frame held back), each keyframe carries the
stream's parameters, and every second frame is a keyframe, as in LeRobot: a journal of packets can
be truncated anywhere, and a reader gets any frame by decoding at most two.
"""

import io
from collections.abc import Sequence
from fractions import Fraction

import av
import numpy as np
from av.container import OutputContainer
from av.video.codeccontext import VideoCodecContext

from robo.data.journal import Packet

KEYFRAME_EVERY = 2
OPTIONS = {"preset": "veryfast", "tune": "zerolatency", "crf": "20"}


class VideoEncoder:
    """Compresses a camera's images.

    Args:
        height: Height of the images in pixels, even.
        width: Width of the images in pixels, even.
        fps: Frames per second.
    """

    def __init__(self, height: int, width: int, fps: int) -> None:
        context = av.CodecContext.create("libx264", "w")
        assert isinstance(context, VideoCodecContext)
        context.height, context.width, context.pix_fmt = height, width, "yuv420p"
        context.framerate = Fraction(fps)
        context.time_base = Fraction(1, fps)
        context.gop_size = KEYFRAME_EVERY
        context.thread_count = 1
        context.options = OPTIONS
        self._context = context
        self._frames = 0

    def encode(self, image: np.ndarray) -> Packet:
        """Compress an image (H, W, 3), uint8, RGB."""
        frame = av.VideoFrame.from_ndarray(image, "rgb24")
        frame.pts = self._frames
        frame.time_base = self._context.time_base
        packets = self._context.encode(frame)
        if len(packets) != 1:
            raise RuntimeError(f"the H.264 encoder gave {len(packets)} packets for a frame, not 1")
        self._frames += 1
        return Packet(bytes(packets[0]), packets[0].is_keyframe)


def mp4_of_packets(packets: Sequence[Packet], fps: int) -> bytes:
    """The content of an mp4 file with these images, image k at k / fps seconds."""
    file = io.BytesIO()
    time_base = Fraction(1, fps)
    # The first keyframe carries the parameters needed in the file's header.
    with av.open(io.BytesIO(packets[0].data), format="h264") as first:
        output = av.open(file, "w", format="mp4")
        assert isinstance(output, OutputContainer)
        stream = output.add_stream_from_template(first.streams.video[0], opaque=True)
        stream.time_base = time_base
        for number, (data, keyframe) in enumerate(packets):
            packet = av.Packet(data)
            packet.stream = stream
            packet.pts = packet.dts = number
            packet.duration = 1
            packet.time_base = time_base
            packet.is_keyframe = keyframe
            output.mux(packet)
        output.close()
    return file.getvalue()
