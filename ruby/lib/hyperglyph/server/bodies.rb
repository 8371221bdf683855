# frozen_string_literal: true

module Hyperglyph
  module Server
    # The octets of a blob, or a range of them, as the body of an answer (section 19.5).
    class BlobBody
      PIECE = 65_536

      # range: of octets, or nil for all of them, however many there are.
      def initialize(blob, range = nil)
        @blob = blob
        @range = range
      end

      # Raises IOError if there are fewer octets than were promised: the server then cuts the connection.
      def each(&block)
        return @blob.each_chunk(&block) if @range.nil?

        io = @blob.io
        io.seek(@range.begin, IO::SEEK_CUR)
        left = @range.size
        while left.positive?
          piece = io.read([left, PIECE].min)
          raise IOError, "a blob of #{@blob.content_type} is shorter than it said" if piece.nil? || piece.empty?

          left -= piece.bytesize
          yield piece
        end
      end
    end

    # A message whose blobs are sent while they are read.
    class MessageBody
      def initialize(value)
        @value = value
      end

      def each(&block)
        Codec.encode_to(Writer.new(block), @value)
      end

      # Something that Codec.encode_to writes to.
      class Writer
        def initialize(block)
          @block = block
        end

        def write(octets)
          @block.call(octets)
          octets.bytesize
        end
      end
    end

    # A sequence (section 20.2): each item as soon as it is there, then `end`, with the error if one came. The server
    # stops asking for items when its client is gone.
    class SequenceBody
      # items: what has `each`. page: makes a Page for an item. failed: called with an exception, gives the
      # Failure and logref that the caller is told. The block runs a block that is given the deadline, as the call
      # that gave the items was run.
      def initialize(items, page:, failed:, &within)
        @items = items
        @page = page
        @failed = failed
        @within = within
      end

      def each(&block)
        yield ending(@within.call { |deadline| failure(deadline, &block) })
      end

      private

      # What ended the items before their end, or nil. What the server below raises while it sends is its own.
      def failure(deadline)
        sending = false
        @items.each do |item|
          Server.check_deadline(deadline)
          octets = message(item)
          sending = true
          yield octets
          sending = false
        end
        nil
      rescue *Server::FAILURES => error
        sending ? raise : error
      end

      def message(item)
        raise ArgumentError, "a sequence cannot hold an extension named end" if item.is_a?(Extension) && item.name == "end"

        Codec.encode(@page.call.render(item))
      end

      def ending(error)
        return Codec.encode(Extension.new("end", {}, nil)) if error.nil?

        failure, logref = @failed.call(error)
        Codec.encode(Extension.new("end", { "status" => failure.status }, Answer.extension(failure, logref)))
      rescue Codec::EncodeError => unencodable
        ending(unencodable)
      end
    end
  end
end
