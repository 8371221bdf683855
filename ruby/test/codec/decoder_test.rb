# frozen_string_literal: true

require_relative "../helper"

class DecoderTest < Minitest::Test
  Codec = Hyperglyph::Codec

  def test_kinds
    {
      "N;" => nil, "T;" => true, "F;" => false, "i-12;" => -12, "i#{10**400};" => 10**400, "f0x1.8p+1;" => 3.0, "u2:\u00e9;" => "é",
      "b2:\xff\x00;" => "\xff\x00".b, "Li1;Li2;;;" => [1, [2]], "Du1:a;N;;" => { "a" => nil }, "Si1;;" => Set[1],
      "Ou1:b;i1;u1:a;i2;;" => Hyperglyph::OrderedHash["b", 1, "a", 2], "d2020-01-02T03:04:05.678Z;" => Time.utc(2020, 1, 2, 3, 4, 5, 678_000),
      "pPT36H;" => Hyperglyph::Duration.new(hours: 36), "p-P2M;" => Hyperglyph::Period.new(months: -2),
      "Xu1:x;Du1:a;i1;;u1:c;;" => Hyperglyph::Extension.new("x", { "a" => 1 }, "c")
    }.each do |wire, value|
      read = Hyperglyph.load(wire)
      value.nil? ? assert_nil(read) : assert_equal(value, read)
      assert_equal value.class, read.class
      assert_equal Hyperglyph.dump(value), Hyperglyph.dump(read)
    end
  end

  def test_encodings
    assert_equal [Encoding::UTF_8, Encoding::UTF_8], Hyperglyph.load("Lu;u1:a;;").map(&:encoding)
    assert_equal [Encoding::BINARY, Encoding::BINARY], Hyperglyph.load("Lb;b1:a;;").map(&:encoding)
  end

  def test_text_and_octets_are_two_keys
    value = Hyperglyph.load("Du1:a;i1;b1:a;i2;;")
    assert_equal 1, value["a"]
    assert_equal 2, value[Hyperglyph::Bytes.new("a")]
    assert_equal "Db1:a;i2;u1:a;i1;;", Hyperglyph.dump(value)
  end

  def test_numbers_that_ruby_holds_apart_are_kept_and_others_refused
    assert_equal 3, Hyperglyph.load("Si1;f1.0;T;;").size
    assert_equal ["malformed", 11], Vectors.fault("Sf0x0.0p+0;f-0.0;;")
  end

  def test_what_is_in_key_position_is_frozen
    key = Hyperglyph.load("DLu1:a;Lu1:b;;Si1;;;N;;").keys.first
    assert key.frozen?
    assert(key.all?(&:frozen?))
    assert key[1][0].frozen?
  end

  def test_values_belong_to_their_caller
    value = Hyperglyph.load("Lu1:a;Li1;;D;;")
    value[0] << "b"
    value[1] << 2
    value[2]["x"] = 1
    assert_equal ["ab", [1, 2], { "x" => 1 }], value
  end

  def test_the_input_is_not_kept_nor_changed
    input = +"Lu1:a;"
    decoder = Codec::Decoder.new.feed(input)
    input << "garbage"
    assert_equal ["a"], decoder.feed(";").finish
    assert_equal "Lu1:a;garbage", input
  end

  def test_what_is_neither_string_nor_io
    [nil, 1, [], :"N;"].each { |source| assert_raises(TypeError) { Hyperglyph.load(source) } }
    assert_raises(TypeError) { Codec::Decoder.new.feed(1) }
  end

  def test_from_an_io
    assert_equal [1], Codec.decode(StringIO.new("Li1;;"))
    text = "x" * 200_000
    assert_equal text, Codec.decode(StringIO.new("u200000:#{text};"))
    assert_equal ["truncated", 3], (begin
      Codec.decode(StringIO.new("Li1"))
    rescue Codec::DecodeError => e
      [e.kind.to_s, e.offset]
    end)
  end

  def test_the_root_is_there_before_its_blobs
    decoder = Codec::Decoder.new
    decoder.feed("LB0:D;;i1;")
    refute decoder.root?
    assert_nil decoder.root
    decoder.feed(";c0:2:a")
    assert decoder.root?
    assert_equal 1, decoder.root[1]
    decoder.feed("b;c0;")
    assert_equal "ab", decoder.finish[0].read
    assert decoder.finished?
    assert_raises(ArgumentError) { decoder.feed(" ") }
    assert_equal "ab", decoder.finish[0].read
  end

  def test_a_fault_stays
    decoder = Codec::Decoder.new
    first = assert_raises(Codec::DecodeError) { decoder.feed("Lx") }
    assert_same first, assert_raises(Codec::DecodeError) { decoder.feed(";") }
    assert_same first, assert_raises(Codec::DecodeError) { decoder.finish }
  end

  def test_words_of_errors
    {
      "i1_0;" => "malformed at octet 0: an integer is a sign, or none, and digits",
      "L\x00;" => "malformed at octet 1: no object begins with the octet 0x00",
      "Xi1;" => "malformed at octet 1: i stands where the name of an extension, which is text, must be",
      "Li1;" => "truncated at octet 4: the message ends, and a part of the value is missing",
      "B0:D;;" => "truncated at octet 6: the message ends, and a chunk of a blob is missing",
      "B0:D;;c1;" => "malformed at octet 6: there is no blob 1",
      "i1; x" => "malformed at octet 4: only chunks and white space may follow the value"
    }.each do |wire, words|
      assert_equal words, assert_raises(Codec::DecodeError) { Hyperglyph.load(wire) }.message
    end
  end

  def test_every_error_is_of_one_family
    error = assert_raises(Hyperglyph::Error) { Hyperglyph.load("x") }
    assert_equal :malformed, error.kind
  end

  def test_names_in_a_message_name_nothing_here
    value = Hyperglyph.load("Xu6:Object;Du8:__send__;u4:exit;;u4:`id`;;")
    assert_instance_of Hyperglyph::Extension, value
    assert_equal "Object", value.name
  end

  def test_floats_round_to_the_nearest
    {
      "0x1.00000000000008p0" => 1.0, "0x1.000000000000080000000000001p0" => 1.0.next_float, "0x1.00000000000018p0" => 1.0.next_float.next_float,
      "0x0.00000000000008p-1022" => 0.0, "0x0.00000000000018p-1022" => 0.0.next_float.next_float, "0x0.000000000000080001p-1022" => 0.0.next_float,
      "0x1.fffffffffffff7p1023" => Float::MAX, "2.4703282292062327e-324" => 0.0, "2.4703282292062328e-324" => 0.0.next_float,
      "9007199254740993" => 9007199254740992.0, "9007199254740993.#{'0' * 100}1" => 9007199254740994.0,
      "1.7976931348623158079372897140530341507993413271003782693617377898044e308" => Float::MAX, "1e-400" => 0.0,
      "1#{'0' * 300}e-300" => 1.0, "0.#{'0' * 300}1e301" => 1.0, "0e999999999" => 0.0, "1.e2" => 100.0, "1.5e-999999999" => 0.0,
      "0x1p-1074" => 0.0.next_float, "0x10000000000000000000000000000000p-124" => 1.0, "0x0p999999999999" => 0.0, "0x1p-99999999999" => 0.0
    }.each { |literal, float| assert_equal float, Hyperglyph.load("f#{literal};"), literal }
    %w[0x1.fffffffffffff8p1023 1.7976931348623159e308 1e309 1e999999999 0x1p1024 0x1p99999999999].each do |literal|
      assert_equal ["malformed", 0], Vectors.fault("f#{literal};"), literal
    end
  end

  # Ruby's own conversion to exact fractions is the judge.
  def test_decimal_floats_are_the_nearest_ones
    random = Random.new(7)
    2_000.times do
      literal = "#{random.rand(10**random.rand(1..40))}.#{random.rand(10**random.rand(1..40))}e#{random.rand(-60..60)}"
      read = Hyperglyph.load("f#{literal};")
      exact = literal.to_r
      [read.prev_float, read.next_float].each do |other|
        assert_operator (read.to_r - exact).abs, :<=, (other.to_r - exact).abs, literal
      end
    end
  end

  def test_floats_by_their_bits
    random = Random.new(11)
    5_000.times do
      float = [random.rand(1 << 64)].pack("Q").unpack1("D")
      next if float.nan?

      assert_equal [float].pack("G"), [Hyperglyph.load(Hyperglyph.dump(float))].pack("G")
    end
  end
end
