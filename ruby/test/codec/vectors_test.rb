# frozen_string_literal: true

require_relative "../helper"

# Each vector of the standard, whole and in pieces.
class VectorsTest < Minitest::Test
  SIZES = [nil, 1, 7, 100].freeze
  # Octets of wires that are cut everywhere, and of those that are fed octet by octet.
  SHORT = 400
  MIDDLE = 20_000

  Vectors.all.each do |vector|
    define_method("test_#{vector['name']}") do
      vector.key?("encode") ? encoded(vector) : decoded(vector)
    end
  end

  def test_that_there_are_vectors
    assert_operator Vectors.all.size, :>, 3_500
  end

  private

  def encoded(vector)
    value = Typed.build(vector["encode"])
    if vector["expect"] == "accept"
      assert_equal Vectors.octets(vector["canonical"]), Hyperglyph.dump(value)
    else
      assert_raises(Hyperglyph::Codec::EncodeError) { Hyperglyph.dump(value) }
      assert_raises(Hyperglyph::Codec::EncodeError) { Hyperglyph::Codec.encode(value) }
    end
  rescue Typed::Unsupported
    assert_includes vector["name"], "without-zone"
  rescue ArgumentError, RangeError
    assert_equal "reject", vector["expect"]
  end

  def decoded(vector)
    wire = Vectors.octets(vector["wire"])
    fault = Vectors.fault(wire)
    case vector["expect"]
    when "accept" then assert_nil fault
    when "reject" then assert_equal vector.values_at("fault", "at"), fault
    else assert_equal vector["fault"], fault[0] if fault
    end
    fault ? same_fault(wire, fault) : accepted(vector, wire)
  end

  def same_fault(wire, fault)
    sizes(wire).each { |size| assert_equal fault, Vectors.fault(wire, size), "in pieces of #{size}" }
  end

  def accepted(vector, wire)
    value = Vectors.plain(vector["value"])
    canonical = vector.fetch("canonical", vector["wire"])
    sizes(wire).each do |size|
      read = Vectors.decode(wire, size)
      assert_equal value, Vectors.plain(Typed.describe(read)), "in pieces of #{size}"
      if canonical
        encodes(read, Vectors.octets(canonical), value)
      else
        assert_raises(Hyperglyph::Codec::EncodeError) { Hyperglyph.dump(read) }
      end
    end
    prefixes(wire.sub(/[ \t\v\r\n]+\z/n, ""))
  end

  def encodes(read, canonical, value)
    assert_equal canonical, Hyperglyph.dump(read)
    again = Hyperglyph.load(Hyperglyph::Codec.encode(read))
    assert_equal value, Vectors.plain(Typed.describe(again))
  end

  def prefixes(wire)
    ends = wire.bytesize <= SHORT ? (0...wire.bytesize) : [0, 1, wire.bytesize / 2, wire.bytesize - 1]
    ends.each { |size| assert_equal ["truncated", size], Vectors.fault(wire.byteslice(0, size)) }
  end

  def sizes(wire)
    wire.bytesize <= MIDDLE ? SIZES : [nil, 10_000]
  end
end
