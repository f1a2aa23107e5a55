"""The contract that every storage of objects fulfils, as tests.

Derive a class from ``ObjectsContract``, override the fixture ``objects``, and pytest does the
rest. Override ``store`` too, to see the same tests pass on objects that are stored differently.
"""

from __future__ import annotations

import random
import threading
from typing import TYPE_CHECKING, cast

import pytest

from vost._model.errors import ObjectNotFoundError
from vost._model.objects import EMPTY_TREE_OID, ZERO_OID, ObjectHeader, ObjectType, hash_object

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vost._model.objects import Oid
    from vost._storage.protocols import Objects

BLOB, TREE, COMMIT, TAG = ObjectType.BLOB, ObjectType.TREE, ObjectType.COMMIT, ObjectType.TAG
MISSING = hash_object(BLOB, b"nobody ever stored this")
HELLO = bytes.fromhex("b6fc4c620b67d95f953a5c1c1230aaab5db5a1b0")


def sample_contents() -> list[bytes]:
    """Return contents of many sizes: empty, text, random bytes, over the limits of buffers."""
    chance = random.Random(20)
    text = b"".join(b"%d,%d\n" % (n, n * n) for n in range(60_000))
    sizes = (1, 15, 16, 2047, 2048, 4095, 16_384, 65_535, 65_536, 131_070, 300_001)
    contents = [b"", b"hello", bytes(100_000), text]
    contents += [text[:size] for size in sizes]
    contents += [chance.randbytes(size) for size in sizes]
    return contents


def read_to_end(objects: Objects, oid: Oid, offset: int = 0, step: int = 50_000) -> bytes:
    """Read an object through a stream."""
    parts = []
    with objects.open_stream(oid, offset) as stream:
        while part := stream.read(step):
            assert len(part) <= step
            parts.append(part)
    return b"".join(parts)


class ObjectsContract:
    """What the rest of vost relies on in objects, whatever they are stored in."""

    @pytest.fixture
    def objects(self) -> Iterator[Objects]:
        """Return storage without any object."""
        raise NotImplementedError("override the fixture `objects`")

    @pytest.fixture
    def other(self, objects: Objects) -> Objects:
        """Return a second handle on the same objects, if the storage has such a thing."""
        return objects

    def store(
        self, objects: Objects, contents: Sequence[bytes], object_type: ObjectType = BLOB
    ) -> list[Oid]:
        """Store objects in the form that is to be tested and return their ids."""
        writer = objects.writer()
        oids = [writer.add(object_type, data) for data in contents]
        writer.flush()
        writer.release()
        return oids

    # -- reading ------------------------------------------------------------------------

    @pytest.mark.parametrize("object_type", list(ObjectType))
    def test_get_returns_type_and_content(self, objects: Objects, object_type: ObjectType) -> None:
        """Storage does not care what the content means."""
        [oid] = self.store(objects, [b"hello"], object_type)
        assert oid == hash_object(object_type, b"hello")
        assert objects.get(oid) == (object_type, b"hello")
        assert isinstance(objects.get(oid)[0], ObjectType)
        assert objects.header(oid) == ObjectHeader(object_type, 5)

    def test_get_many_equals_get_of_each(self, objects: Objects) -> None:
        """In the order that was asked for, the same one twice too."""
        oids = self.store(objects, sample_contents()) + self.store(objects, [b""], TREE)
        wanted = random.Random(3).choices(oids, k=3 * len(oids))
        assert objects.get_many(wanted) == [objects.get(oid) for oid in wanted]
        assert objects.get_many([]) == []

    def test_get_many_refuses_what_is_missing(self, objects: Objects) -> None:
        """Also among many that exist."""
        oids = self.store(objects, sample_contents())
        with pytest.raises(ObjectNotFoundError, match=MISSING.hex()):
            objects.get_many([*oids, MISSING, *oids])

    def test_get_small_returns_nothing_but_what_get_returns(self, objects: Objects) -> None:
        """It may leave out what it likes, and what does not exist is left out."""
        oids = self.store(objects, sample_contents())
        found = objects.get_small([*oids, MISSING, oids[0]])
        assert found == {oid: objects.get(oid) for oid in found}
        assert set(found) <= set(oids)
        assert objects.get_small([]) == {}

    def test_ids_are_those_of_git(self, objects: Objects) -> None:
        """The id is the SHA-1 of header and content."""
        assert self.store(objects, [b"hello"]) == [HELLO]
        assert self.store(objects, [b""], TREE) == [EMPTY_TREE_OID]

    def test_contents_of_all_sizes_come_back(self, objects: Objects) -> None:
        """Whole, as header and as a stream: whatever the size and however compressible."""
        contents = sample_contents()
        for oid, data in zip(self.store(objects, contents), contents):  # noqa: B905
            assert objects.get(oid) == (BLOB, data)
            assert objects.header(oid) == (BLOB, len(data))
            assert read_to_end(objects, oid) == data

    def test_ranges_equal_slices(self, objects: Objects) -> None:
        """A range is what a slice of the whole is, past the end too."""
        chance = random.Random(21)
        contents = sample_contents()
        for oid, data in zip(self.store(objects, contents), contents):  # noqa: B905
            total = len(data)
            edges = {0, 1, total - 1, total, total + 1, 65_534, 65_535, 65_536, 131_070}
            offsets = [*(edge for edge in edges if edge >= 0), chance.randint(0, total)]
            for offset in offsets:
                for size in (0, 1, 100, 70_000, chance.randint(0, total), total + 9, None):
                    end = None if size is None else offset + size
                    assert objects.get_range(oid, offset, size) == data[offset:end]

    def test_streams_from_offsets_equal_slices(self, objects: Objects) -> None:
        """A stream may begin anywhere, even past the end."""
        contents = sample_contents()
        for oid, data in zip(self.store(objects, contents), contents):  # noqa: B905
            for offset in (0, 1, len(data) // 2, len(data), len(data) + 5):
                assert read_to_end(objects, oid, offset) == data[offset:]

    def test_stream_knows_type_and_size(self, objects: Objects) -> None:
        """Both are those of the whole object, whatever the offset."""
        [oid] = self.store(objects, [b"x" * 1000], TREE)
        with objects.open_stream(oid, 990) as stream:
            assert (stream.type, stream.size) == (TREE, 1000)
            assert stream.read(0) == b""
            assert stream.read(4) == b"xxxx"
            assert stream.read(100) == b"x" * 6
            assert stream.read(100) == b""

    def test_closed_stream_refuses_to_read(self, objects: Objects) -> None:
        """Closing twice is fine, reading after it is not."""
        [oid] = self.store(objects, [b"x" * 400_000])
        stream = objects.open_stream(oid)
        assert stream.read(3) == b"xxx"
        stream.close()
        stream.close()
        with pytest.raises(ValueError, match="closed"):
            stream.read(1)

    def test_negative_numbers_are_refused(self, objects: Objects) -> None:
        """A negative offset or size is a mistake, not a place counted from the end."""
        [oid] = self.store(objects, [b"hello"])
        with pytest.raises(ValueError, match="offset"):
            objects.get_range(oid, -1, 2)
        with pytest.raises(ValueError, match="size"):
            objects.get_range(oid, 0, -1)
        with pytest.raises(ValueError, match="offset"):
            objects.open_stream(oid, -1)
        with objects.open_stream(oid) as stream, pytest.raises(ValueError, match="size"):
            stream.read(-1)

    @pytest.mark.parametrize("oid", [MISSING, ZERO_OID])
    def test_missing_object_raises_not_found(self, objects: Objects, oid: Oid) -> None:
        """Every way of reading names the id."""
        self.store(objects, [b"hello"])
        with pytest.raises(ObjectNotFoundError, match=oid.hex()) as caught:
            objects.get(oid)
        assert caught.value.args[0] == oid.hex()
        for read in (objects.header, objects.open_stream):
            with pytest.raises(ObjectNotFoundError, match=oid.hex()):
                read(oid)
        with pytest.raises(ObjectNotFoundError, match=oid.hex()):
            objects.get_range(oid, 0, 1)

    # -- existence ----------------------------------------------------------------------

    def test_has_many_returns_those_that_exist(self, objects: Objects) -> None:
        """Any iterable will do."""
        oids = self.store(objects, [b"a", b"b", b"c"])
        assert objects.has_many([]) == set()
        assert objects.has_many(iter([MISSING, *oids])) == set(oids)

    def test_iter_prefix_finds_each_id_once(self, objects: Objects) -> None:
        """Prefixes of any length, of even and odd numbers of digits."""
        oids = self.store(objects, [b"%d" % number for number in range(300)])
        oids += self.store(objects, [b"%d" % number for number in range(250, 310)])[-10:]
        for digits in (0, 1, 2, 3, 5, 8, 39, 40):
            for oid in oids[:20]:
                prefix = oid.hex()[:digits]
                expected = sorted(each for each in oids if each.hex().startswith(prefix))
                assert sorted(objects.iter_prefix(prefix)) == expected
        assert list(objects.iter_prefix(MISSING.hex())) == []
        assert list(objects.iter_prefix("0" * 41)) == []

    @pytest.mark.parametrize("prefix", ["XY", "AB", "g", " a", "-1", "/"])
    def test_iter_prefix_refuses_other_characters(self, objects: Objects, prefix: str) -> None:
        """Only lowercase hexadecimal digits are looked up."""
        with pytest.raises(ValueError, match="hexadecimal"):
            objects.iter_prefix(prefix)

    # -- writing ------------------------------------------------------------------------

    def test_written_objects_are_readable_through_every_handle(
        self, objects: Objects, other: Objects
    ) -> None:
        """A handle that looked before, in vain, finds them too."""
        assert other.has_many([HELLO]) == set()
        with pytest.raises(ObjectNotFoundError):
            other.get(HELLO)
        self.store(objects, [b"hello"])
        assert other.get(HELLO) == (BLOB, b"hello")
        assert other.has_many([HELLO]) == {HELLO}
        assert list(other.iter_prefix("b6fc")) == [HELLO]

    def test_unflushed_objects_are_not_readable(self, objects: Objects) -> None:
        """Until ``flush`` only the writer knows of them."""
        writer = objects.writer()
        oid = writer.add(BLOB, b"hello")
        big = writer.add_stream(BLOB, 2_000_000, [bytes(2_000_000)])
        assert oid in writer
        assert big in writer
        assert MISSING not in writer
        assert objects.has_many([oid, big]) == set()
        writer.discard()
        assert objects.has_many([oid, big]) == set()

    def test_writer_knows_objects_that_existed(self, objects: Objects) -> None:
        """``in`` tells what was taken in, stored again or not."""
        [oid] = self.store(objects, [b"hello"])
        writer = objects.writer()
        assert oid not in writer
        assert writer.add(BLOB, b"hello") == oid
        assert oid in writer
        writer.flush()
        assert oid in writer
        writer.release()
        assert objects.get(oid) == (BLOB, b"hello")

    @pytest.mark.parametrize("count", [1, 99, 100, 350])
    def test_any_number_of_objects_can_be_written(self, objects: Objects, count: int) -> None:
        """Few and many, each twice, with different types of the same content."""
        writer = objects.writer()
        oids = [writer.add(BLOB, b"%d" % (number // 2)) for number in range(2 * count)]
        trees = [writer.add(TREE, b"%d" % number) for number in range(count)]
        assert len({*oids, *trees}) == 2 * count
        writer.flush()
        writer.release()
        assert objects.has_many([*oids, *trees]) == {*oids, *trees}
        for number, oid in enumerate(trees):
            assert objects.get(oid) == (TREE, b"%d" % number)

    @pytest.mark.parametrize("before", [0, 150])
    def test_streams_can_be_written(self, objects: Objects, before: int) -> None:
        """Whatever the chunks are, and among whatever else is written."""
        contents = [b"", b"x", random.Random(3).randbytes(5_000_000), bytes(5_000_000)]
        writer = objects.writer()
        small = [writer.add(BLOB, b"small %d" % number) for number in range(before)]
        oids = []
        for data in contents:
            chunks = [data[start : start + 77_777] for start in range(0, len(data), 77_777)]
            oids.append(writer.add_stream(BLOB, len(data), [b"", *chunks, b""]))
            assert writer.add_stream(BLOB, len(data), iter([data])) == oids[-1]
        small.append(writer.add(BLOB, b"at last"))
        writer.flush()
        writer.release()
        assert oids == [hash_object(BLOB, data) for data in contents]
        for oid, data in zip(oids, contents):  # noqa: B905
            assert objects.get(oid) == (BLOB, data)
            assert read_to_end(objects, oid) == data
            assert objects.get_range(oid, len(data) // 2, 3) == data[len(data) // 2 :][:3]
        assert objects.has_many(small) == set(small)

    @pytest.mark.parametrize("before", [0, 150])
    @pytest.mark.parametrize("chunks", [[], [b"1234"], [b"123", b"456"], [b"", b"123456789"]])
    def test_stream_of_wrong_size_is_refused(
        self, objects: Objects, before: int, chunks: list[bytes]
    ) -> None:
        """The writer can go on, and nothing of the stream remains."""
        writer = objects.writer()
        for number in range(before):
            writer.add(BLOB, b"small %d" % number)
        with pytest.raises(ValueError, match="add up to 5 bytes"):
            writer.add_stream(BLOB, 5, chunks)
        oid = writer.add_stream(BLOB, 5, [b"hel", b"lo"])
        writer.flush()
        assert objects.get(oid) == (BLOB, b"hello")
        assert len(list(objects.iter_prefix(""))) == before + 1

    def test_failing_chunks_leave_nothing(self, objects: Objects) -> None:
        """An error of the caller's iterator comes through."""

        def chunks() -> Iterator[bytes]:
            yield bytes(5_000_000)
            raise KeyboardInterrupt

        writer = objects.writer()
        with pytest.raises(KeyboardInterrupt):
            writer.add_stream(BLOB, 10_000_000, chunks())
        writer.flush()
        assert list(objects.iter_prefix("")) == []

    def test_chunks_may_be_reused_by_the_caller(self, objects: Objects) -> None:
        """As ``readinto`` does: the same ``bytearray`` is filled again and again."""

        def chunks() -> Iterator[bytes]:
            buffer = bytearray(1_000_000)
            for number in range(8):
                buffer[:] = bytes([number]) * len(buffer)
                yield cast("bytes", buffer)
                buffer[:] = bytes(len(buffer))

        writer = objects.writer()
        oid = writer.add_stream(BLOB, 8_000_000, chunks())
        writer.flush()
        assert objects.get(oid)[1] == b"".join(bytes([n]) * 1_000_000 for n in range(8))

    @pytest.mark.parametrize("count", [1, 150])
    def test_writer_can_be_discarded_at_any_moment(self, objects: Objects, count: int) -> None:
        """Twice too, and after it nothing can be added."""
        objects.writer().discard()
        writer = objects.writer()
        for number in range(count):
            writer.add(BLOB, b"%d" % number)
        writer.discard()
        writer.discard()
        assert list(objects.iter_prefix("")) == []
        with pytest.raises(RuntimeError):
            writer.add(BLOB, b"hello")
        with pytest.raises(RuntimeError):
            writer.add_stream(BLOB, 5, [b"hello"])
        with pytest.raises(RuntimeError):
            writer.flush()

    def test_discarding_after_release_changes_nothing(self, objects: Objects) -> None:
        """What a ref names stays."""
        writer = objects.writer()
        oids = [writer.add(BLOB, b"%d" % number) for number in range(150)]
        writer.flush()
        writer.release()
        writer.release()
        writer.discard()
        assert objects.has_many(oids) == set(oids)

    def test_discarded_writer_does_not_harm_another(self, objects: Objects, other: Objects) -> None:
        """What a second writer was told is there does not go away with the first writer."""
        first, second = objects.writer(), other.writer()
        contents = [b"%d" % number for number in range(150)]
        for data in contents:
            first.add(BLOB, data)
        first.flush()
        oids = [second.add(BLOB, data) for data in contents]
        second.flush()
        first.discard()
        assert objects.has_many(oids) == set(oids)
        second.release()
        assert objects.get(oids[0]) == (BLOB, b"0")

    def test_empty_writer_can_be_flushed(self, objects: Objects) -> None:
        """A unit may turn out to hold nothing."""
        writer = objects.writer()
        writer.flush()
        writer.release()
        assert list(objects.iter_prefix("")) == []

    # -- sharing ------------------------------------------------------------------------

    def test_closed_objects_stay_usable(self, objects: Objects) -> None:
        """Closing only lets go of handles."""
        [oid] = self.store(objects, [b"hello"])
        objects.close()
        objects.close()
        assert objects.get(oid) == (BLOB, b"hello")
        objects.close()
        assert self.store(objects, [b"world"]) == [hash_object(BLOB, b"world")]
        objects.close()

    def test_stream_outlives_close(self, objects: Objects) -> None:
        """Nobody closes a file under a reader's feet."""
        data = random.Random(4).randbytes(600_000)
        [oid] = self.store(objects, [data])
        with objects.open_stream(oid) as stream:
            start = stream.read(1000)
            objects.close()
            assert start + stream.read(len(data)) == data

    def test_threads_share_objects(self, objects: Objects) -> None:
        """Readers and writers in several threads at once, with handles closed in between."""
        contents = [b"%d " % number * (number + 1) for number in range(200)]
        oids = self.store(objects, contents)
        problems: list[BaseException] = []

        def work(seed: int) -> None:
            chance = random.Random(seed)
            try:
                for _ in range(150):
                    number = chance.randrange(len(contents))
                    assert objects.get(oids[number]) == (BLOB, contents[number])
                    assert objects.header(oids[number]).size == len(contents[number])
                    if chance.random() < 0.05:
                        objects.close()
                writer = objects.writer()
                written = [writer.add(BLOB, b"%d %d" % (n, seed % 2)) for n in range(110)]
                writer.flush()
                writer.release()
                assert objects.has_many(written) == set(written)
            except BaseException as error:  # noqa: BLE001 - handed to the main thread
                problems.append(error)

        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert problems == []
