# frozen_string_literal: true

# Mutated vectors: whatever comes in, only the codec's own errors come out.
#
#   ruby ruby/test/hostile.rb 1000000 [SEED]

$LOAD_PATH.unshift(File.expand_path("../lib", __dir__))

require "hyperglyph"
require_relative "vectors"

# Makes messages that are nearly right, and looks at what becomes of them.
class Hostile
  # Longer wires are left out: their mutations are alike, and slow.
  LONGEST = 600
  # What the format is made of: put in at random places.
  PARTS = [
    *"iubfdpNTFLSDOXBc;:0123456789-+.exPTYMWDHSZ \n\x00\xff\x80".b.chars, "i1;", "u1:a;", "b1:a;", "f0x1.8p0;", "fnan;", "N;", "L", "S", "D", "O",
    "Xu1:x;D;", "B0:D;;", "c0:1:a;", "c0;", "c1;", "u99999999999:", "u9999999999:", "d2020-01-02T03:04:05.000Z;", "pP1Y;", "S;", "LLLL", ";;;;",
    "00000000", "\xed\xa0\x80".b, "0x1.fffffffffffffp+1023", "e308", "u0:;", "\u00e9".b
  ].map(&:b).freeze

  attr_reader :accepted, :refused

  def initialize(seed)
    @random = Random.new(seed)
    @wires = self.class.wires
    @accepted = 0
    @refused = Hash.new(0)
  end

  # Tries so many messages. RuntimeError, with the octets, for the first that is not treated as it should.
  def run(count)
    count.times do
      message = mutate(pick)
      begin
        try(message)
      rescue StandardError, SystemStackError, NoMemoryError => e
        raise "#{e.class}: #{e.message[0, 300]}: #{message.unpack1('H*')}"
      end
    end
    self
  end

  def self.wires
    spelled = Vectors.all.filter_map { |vector| vector["wire"] }
    spelled.filter_map { |wire| Vectors.octets(wire) if Vectors.size(wire) <= LONGEST }
  end

  private

  def pick
    @wires[@random.rand(@wires.size)].dup
  end

  def mutate(message)
    (1 + @random.rand(3)).times do
      at = @random.rand(message.bytesize + 1)
      size = @random.rand([message.bytesize - at, 12].min + 1)
      case @random.rand(7)
      when 0 then message.setbyte(at, @random.rand(256)) if at < message.bytesize
      when 1 then message[at, size] = ""
      when 2 then message.insert(at, PARTS[@random.rand(PARTS.size)])
      when 3 then message[at, size] = PARTS[@random.rand(PARTS.size)]
      when 4 then message.insert(at, message.byteslice(at, size))
      when 5 then message = message.byteslice(0, at) + pick
      else
        other = pick
        message = message.byteslice(0, at) + other.byteslice(@random.rand(other.bytesize + 1)..)
      end
    end
    message
  end

  # What is accepted has a canonical form that means the same; and pieces make no difference.
  def try(message)
    value = Hyperglyph.load(message)
    @accepted += 1
    canonical = encoded(value)
    raise "its canonical form has another" if canonical && encoded(Hyperglyph.load(canonical)) != canonical

    in_pieces(message) { |again| encoded(again) == canonical } if @random.rand(4).zero?
  rescue Hyperglyph::Codec::DecodeError => e
    raise "an offset of #{e.offset}" unless e.offset.between?(0, message.bytesize)

    @refused[e.kind] += 1
    in_pieces(message) { |again| again == [e.kind, e.offset] } if @random.rand(4).zero?
  end

  # A blob in attributes of a blob is decoded, and not encoded.
  def encoded(value)
    Hyperglyph.dump(value)
  rescue Hyperglyph::Codec::EncodeError
    nil
  end

  def in_pieces(message)
    size = 1 + @random.rand(9)
    decoder = Hyperglyph::Codec::Decoder.new
    begin
      (0...message.bytesize).step(size) { |from| decoder.feed(message.byteslice(from, size)) }
      result = decoder.finish
    rescue Hyperglyph::Codec::DecodeError => e
      result = [e.kind, e.offset]
    end
    raise "otherwise in pieces of #{size}: #{result.inspect[0, 200]}" unless yield(result)
  end
end

if $PROGRAM_NAME == __FILE__
  count = Integer(ARGV[0] || 20_000)
  seed = Integer(ARGV[1] || Random.new_seed % 1_000_000)
  hostile = Hostile.new(seed).run(count)
  puts "#{count} messages, seed #{seed}: #{hostile.accepted} accepted, #{hostile.refused.map { |kind, number| "#{number} #{kind}" }.join(', ')}"
end
